/* bootsealctl backup, metrics, ca crl: acts on the server as a whole. */
#include "server/admin/admin_request.h"
#include "server/metrics/metrics.h"

#include <stdio.h>
#include <string.h>

#define CRL_DAYS_DEFAULT 7
#define CRL_DAYS_MAX 3650

static enum bs_err write_crl(struct document *document, const struct operator_crl *crl, bool is_der)
{
    BS_SCOPED_BUF struct bs_buf pem = BS_BUF(DOCUMENT_MAX);
    enum bs_err err = BS_OK;

    if (is_der) {
        document_raw(document, "", bs_buf_span(&crl->der));
        document_hex(document, "crl", "", bs_buf_span(&crl->der));
        return BS_OK;
    }
    err = cert_pem_encode(bs_buf_span(&crl->der), "X509 CRL", &pem);
    if (err == BS_OK)
        document_raw(document, "crl", bs_buf_span(&pem));
    return err;
}

static enum bs_err crl(struct admin_act *act)
{
    struct operator_crl crl = { .der = BS_BUF(OPERATOR_CRL_MAX) };
    uint64_t days;
    enum bs_err err = admin_number(act, "days", 1, CRL_DAYS_MAX, CRL_DAYS_DEFAULT, &days);

    if (err == BS_OK)
        err = operator_ca_crl(&act->call, (unsigned)days, &crl);
    if (err == BS_OK) {
        document_uint(&act->document, "number", "", crl.number);
        document_uint(&act->document, "revoked", "", crl.revoked);
        document_time(&act->document, "next_update", "", crl.next_update);
        err = write_crl(&act->document, &crl, admin_flag(act, "der"));
    }
    bs_buf_free(&crl.der);
    return err;
}

static enum bs_err backup_begin(struct admin_act *act)
{
    const char *path;
    enum bs_err err = operator_backup_begin(&act->call, &path);

    if (err == BS_OK)
        document_text(&act->document, "path", "File", path);
    return err;
}

static enum bs_err backup_step(struct admin_act *act)
{
    struct store_backup_progress progress;
    enum bs_err err = operator_backup_step(&act->call, &progress);

    if (err != BS_OK)
        return err;
    document_bool(&act->document, "is_done", "Done", progress.is_done);
    document_uint(&act->document, "left", "Pages left", progress.left);
    document_uint(&act->document, "total", "Pages", progress.total);
    return BS_OK;
}

static enum bs_err backup_end(struct admin_act *act)
{
    server_backup_end(act->call.server);
    return BS_OK;
}

static enum bs_err metrics(struct admin_act *act)
{
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(DOCUMENT_MAX);
    enum bs_err err = metrics_print(act->call.server, &text);

    if (err == BS_OK)
        document_raw(&act->document, "metrics", bs_buf_span(&text));
    return err;
}

#define NONE                        \
    {                               \
        {                           \
            NULL, ADMIN_TEXT, false \
        }                           \
    }

const struct admin_entry admin_server_acts[] = {
    { "ca crl", crl, { { "days", ADMIN_TEXT, false }, { "der", ADMIN_FLAG, false } }, "ca.crl" },
    { "backup begin", backup_begin, NONE, "backup" },
    { "backup step", backup_step, NONE, NULL },
    { "backup end", backup_end, NONE, NULL },
    { "metrics", metrics, NONE, NULL },
    { NULL, NULL, NONE, NULL },
};
