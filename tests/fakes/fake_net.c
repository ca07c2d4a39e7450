#include "fakes/fake_net.h"

#include "core/crypto.h"

#include <assert.h>
#include <string.h>

struct fake_net fake_net;
struct net_connection {
    int unused;
};
static struct net_connection the_connection;

void fake_net_new(void)
{
    fake_net = (struct fake_net){ .connect_err = BS_ERR_UNREACHABLE };
}

enum bs_err net_up(const char *const *argv, struct bs_deadline deadline)
{
    (void)deadline;
    assert(argv[0]);
    fake_net.ups++;
    return fake_net.up;
}

enum bs_err net_url_parse(const char *url, struct net_url *ret_url)
{
    if (strncmp(url, "https://", 8) != 0)
        return BS_ERR_CONFIG;
    memset(ret_url, 0, sizeof(*ret_url));
    return BS_OK;
}

enum bs_err net_proxy_parse(const char *url, struct net_url *ret_url)
{
    (void)ret_url;
    return strncmp(url, "http://", 7) == 0 ? BS_OK : BS_ERR_CONFIG;
}

enum bs_err net_connect(const struct net_options *options, struct net_connection **ret_connection)
{
    assert(options->roots && !fake_net.is_connected);
    fake_net.connects++;
    if (fake_net.refuse_connects > 0) {
        fake_net.refuse_connects--;
        return fake_net.connect_err;
    }
    fake_net.is_connected = true;
    fake_net.channel++;
    *ret_connection = &the_connection;
    return BS_OK;
}

void net_close(struct net_connection *connection)
{
    if (connection)
        fake_net.is_connected = false;
}

void net_hurry(struct net_connection *connection, struct bs_deadline deadline)
{
    (void)deadline;
    assert(connection && fake_net.is_connected);
}

void net_channel(const struct net_connection *connection, uint8_t ret_channel[32])
{
    assert(connection && fake_net.is_connected);
    memset(ret_channel, fake_net.channel, 32);
}

void net_server_cert(const struct net_connection *connection, uint8_t ret_sha256[32])
{
    (void)connection;
    memset(ret_sha256, 0xCE, 32);
}

enum bs_err net_post(struct net_connection *connection, const char *path, struct bs_span body, struct bs_buf *answer,
                     struct net_answer *ret_answer)
{
    assert(connection && fake_net.is_connected);
    fake_net.totals.round_trips++;
    fake_net.totals.sent += body.size;
    if (!fake_net.serve)
        return BS_ERR_UNREACHABLE;
    *ret_answer = (struct net_answer){ .status = 200, .is_open = true };
    return fake_net.serve(path, body, answer, ret_answer);
}

struct net_totals net_totals(void)
{
    return fake_net.totals;
}
