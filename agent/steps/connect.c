/* connect: the network up, and a TLS connection to the pinned server; waits first when an earlier try says so. */
#include "agent/steps/steps.h"
#include "agent/wait.h"

#define STATE BS_STATE_CONNECT

/* Of one connection as a whole: slow TPMs take seconds for what is done on it. */
#define CONNECTION_MS 120000
/* A renewal must not hold a boot that has its credentials. */
#define RENEWAL_MS 15000
/* boot.wait bounds the waiting; one try has this long, however little is left. */
#define TRY_MS 10000
#define ARGUMENTS_MAX 64 /* of a list in the configuration, see core/conf.h */

static struct bs_deadline deadline_of_try(const struct boot *boot, int64_t ms)
{
    struct bs_deadline whole = bs_deadline_earlier(boot->deadline, bs_deadline_in(ms));
    struct bs_deadline least = bs_deadline_earlier(bs_deadline_in(TRY_MS), bs_deadline_in(ms));
    return whole.at_ms > least.at_ms ? whole : least;
}

static enum bs_err bring_network_up(struct boot *boot)
{
    const struct conf_strings *up = &boot->config->net.up;
    if (boot->waiting.has_network || up->count == 0)
        return BS_OK;

    const char *argv[ARGUMENTS_MAX + 1] = { NULL };
    for (size_t i = 0; i < up->count && i < ARGUMENTS_MAX; i++)
        argv[i] = up->items[i];
    enum bs_err err = net_up(argv, deadline_of_try(boot, boot->config->net.deadline_s * 1000));
    boot->waiting.has_network = err == BS_OK;
    if (err == BS_OK)
        return BS_OK;
    /* Not a failure for good: a cable may be plugged in yet. */
    return boot_not_now(boot, err == BS_ERR_IO ? BS_ERR_UNREACHABLE : err, STATE,
                        "%s (net.up) did not bring the network up (%s)", argv[0], bs_err_name(err));
}

static enum bs_err parse_urls(struct boot *boot)
{
    const char *proxy = boot->config->net.proxy;
    if (*boot->server_url == '\0')
        return boot_fail(boot, BS_ERR_CONFIG, STATE, "no server is named: set server.url in bootseal.conf");
    if (net_url_parse(boot->server_url, &boot->exchange.url) != BS_OK)
        return boot_fail(boot, BS_ERR_CONFIG, STATE, "server.url \"%s\" is not https://HOST[:PORT]", boot->server_url);
    if (*proxy != '\0' && net_proxy_parse(proxy, &boot->exchange.proxy) != BS_OK)
        return boot_fail(boot, BS_ERR_CONFIG, STATE, "net.proxy \"%s\" is not http://HOST:PORT", proxy);
    return BS_OK;
}

static const char *advice(enum bs_err err)
{
    if (err == BS_ERR_UNTRUSTED)
        return "its certificate does not lead to server.ca, is for another name, or is out of date; "
               "is this the right server-ca.pem, and does the name match?";
    if (err == BS_ERR_PROTOCOL)
        return "it does not speak TLS 1.3 with a common group; see tls.pq";
    if (err == BS_ERR_BUSY)
        return "the proxy opens no way to it: does net.proxy allow CONNECT to this host and port?";
    return "is the network up, the name known, and bootseald running?";
}

static enum bs_err connect_failed(struct boot *boot, enum bs_err err, const char *url)
{
    if (bs_err_blame(err) == BS_BLAME_WAIT || boot->is_renewing)
        return boot_not_now(boot, err, STATE, "%s does not answer (%s); %s", url, bs_err_name(err), advice(err));
    return boot_fail(boot, err, STATE, "%s: %s: %s", url, bs_err_name(err), advice(err));
}

/* The connection of the last try is of no use any more: a new one means a new statement. */
static enum bs_err wait_as_told(struct boot *boot)
{
    struct boot_waiting *waiting = &boot->waiting;
    boot_hang_up(boot);
    if (waiting->last == BS_OK)
        return BS_OK;
    wait_for(boot, wait_before_retry(waiting));
    waiting->told_ms = 0;
    return bs_deadline_passed(boot->deadline) ? waiting->last : BS_OK;
}

static enum bs_err reach(struct boot *boot)
{
    enum bs_err err = wait_as_told(boot);
    if (err != BS_OK)
        return err;
    err = bring_network_up(boot);
    if (err != BS_OK)
        return err;

    const struct net_options options = {
        .url = &boot->exchange.url,
        .proxy = *boot->config->net.proxy ? &boot->exchange.proxy : NULL,
        .roots = boot->roots,
        .pq = boot->config->tls.pq == CONFIG_PQ_REQUIRE ? NET_PQ_REQUIRE : NET_PQ_PREFER,
        .deadline = deadline_of_try(boot, boot->is_renewing ? RENEWAL_MS : CONNECTION_MS),
    };
    err = net_connect(&options, &boot->exchange.connection);
    if (err != BS_OK)
        return connect_failed(boot, err, boot->server_url);

    boot->exchange.is_open = true;
    boot->waiting.failures = 0;
    if (!bs_clock_is_known())
        report_note(&boot->report, BS_NOTE_CLOCK_UNKNOWN);
    if (!boot->waiting.is_pending_said)
        bs_notice(STATE, "connected to %s", boot->server_url);
    return BS_OK;
}

enum bs_err step_connect(struct boot *boot)
{
    enum bs_err err = parse_urls(boot);
    if (err != BS_OK)
        return err;

    /* While the network takes its time, the TPM is for others. */
    tpm_release(boot->tpm);
    err = reach(boot);
    if (tpm_reacquire(boot->tpm) != BS_OK)
        return boot_fail(boot, BS_ERR_TPM, STATE,
                         "the TPM did not come back after waiting; is another program using it?");
    return err;
}
