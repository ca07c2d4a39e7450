/* The two requests that are answered in JSON: who am I, and are you well. */
#include "server/enroll.h"

#include "bootseal/protocol.h"
#include "core/json.h"
#include "core/log.h"

#include <stdio.h>
#include <string.h>

enum { HTTP_OK = 200, HTTP_UNAUTHORIZED = 401, HTTP_FORBIDDEN = 403, HTTP_BUSY = 503 };

static void answer_error(int status, const char *error, struct bs_buf *out, struct enroll_result *ret_result)
{
    struct bs_json json;
    bs_json_begin(&json, out);
    bs_json_object(&json, NULL);
    bs_json_string(&json, "error", error);
    bs_json_close_object(&json);
    if (bs_json_end(&json) != BS_OK)
        status = HTTP_BUSY;
    *ret_result = (struct enroll_result){ .status = status, .retry_after = status == HTTP_BUSY ? 5 : 0 };
}

/* The row that the certificate stands for. NOT_FOUND when it is none of ours, REFUSED when it or its device is revoked. */
static enum bs_err find_holder(struct server *server, struct bs_span der, struct store_cert *ret_cert,
                               struct store_device *ret_device)
{
    struct cert_info info;
    if (cert_parse(der, &info) != BS_OK || info.serial_size != STORE_SERIAL || !info.has_device)
        return BS_ERR_NOT_FOUND;
    BS_SCOPED_BUF struct bs_buf issued = BS_BUF(BS_CERT_MAX);
    enum bs_err err = store_cert_get(server->store, info.serial, ret_cert, &issued);
    if (err != BS_OK)
        return err;
    /* Byte for byte the one that was issued: a serial alone could be another CA's. */
    if (!bs_span_equal(bs_buf_span(&issued), der))
        return BS_ERR_NOT_FOUND;
    err = store_device_get(server->store, ret_cert->device, ret_device);
    if (err != BS_OK)
        return err;
    bool is_good = ret_cert->status != STORE_CERT_REVOKED && ret_cert->not_after > server->now() &&
                   ret_device->status == STORE_APPROVED;
    return is_good ? BS_OK : BS_ERR_REFUSED;
}

static enum bs_err write_holder(const struct store_device *device, const struct store_cert *cert, struct bs_buf *out)
{
    struct bs_json json;
    bs_json_begin(&json, out);
    bs_json_object(&json, NULL);
    bs_json_hex(&json, "device", BS_SPAN(device->id, WIRE_ID_SIZE));
    bs_json_string(&json, "profile", cert->profile);
    bs_json_string(&json, "serial", device->serial);
    bs_json_string(&json, "labels", device->labels);
    bs_json_string(&json, "status", store_status_name(device->status));
    bs_json_hex(&json, "certificate_serial", BS_SPAN(cert->serial, sizeof(cert->serial)));
    bs_json_i64(&json, "certificate_not_after", cert->not_after);
    bs_json_bool(&json, "certificate_confirmed", cert->status == STORE_CERT_LIVING);
    bs_json_u64(&json, "bundle_serial", device->bundle_serial);
    bs_json_close_object(&json);
    return bs_json_end(&json);
}

void enroll_whoami(struct server *server, struct bs_span client_cert, struct bs_buf *json,
                   struct enroll_result *ret_result)
{
    struct store_cert cert;
    struct store_device device;
    if (client_cert.size == 0) {
        answer_error(HTTP_UNAUTHORIZED, "no client certificate", json, ret_result);
        return;
    }
    enum bs_err err = find_holder(server, client_cert, &cert, &device);
    if (err == BS_OK)
        err = write_holder(&device, &cert, json);
    if (err == BS_OK) {
        *ret_result = (struct enroll_result){ .status = HTTP_OK };
        return;
    }
    bs_buf_reset(json);
    if (err == BS_ERR_NOT_FOUND || err == BS_ERR_REFUSED) {
        answer_error(HTTP_FORBIDDEN, err == BS_ERR_REFUSED ? "revoked" : "not a certificate of this server", json,
                     ret_result);
        return;
    }
    bs_error("whoami", "looking up a certificate failed (%s)", bs_err_name(err));
    answer_error(HTTP_BUSY, "busy", json, ret_result);
}

void enroll_health(struct server *server, struct bs_buf *json, struct enroll_result *ret_result)
{
    uint64_t count = 0;
    if (store_device_count(server->store, STORE_PENDING, &count) != BS_OK) {
        answer_error(HTTP_BUSY, "the store cannot be read", json, ret_result);
        return;
    }
    struct bs_json out;
    bs_json_begin(&out, json);
    bs_json_object(&out, NULL);
    bs_json_string(&out, "status", "ok");
    bs_json_close_object(&out);
    *ret_result = (struct enroll_result){ .status = bs_json_end(&out) == BS_OK ? HTTP_OK : HTTP_BUSY };
}
