/* The form in which bootsealctl asks; both programs have it. */
#include "server/admin/admin_request.h"

#define NAME_MAX_SIZE 64

enum bs_err admin_request_encode(const struct admin_request *request, struct bs_buf *out)
{
    struct cbor_writer writer;

    cbor_write_begin(&writer, out);
    cbor_write_array(&writer, 2);
    cbor_write_text(&writer, request->act);
    cbor_write_array(&writer, request->count);
    for (size_t i = 0; i < request->count; i++) {
        cbor_write_array(&writer, 2);
        cbor_write_text(&writer, request->arguments[i].name);
        cbor_write_bytes(&writer, request->arguments[i].value);
    }
    return cbor_write_end(&writer);
}

enum bs_err admin_request_decode(struct bs_span in, struct admin_request *ret_request)
{
    struct admin_request request = { 0 };
    struct cbor_reader reader;

    cbor_read_begin(&reader, in);
    if (cbor_read_array(&reader, 2) != 2)
        cbor_read_fail(&reader);
    request.act = cbor_read_text(&reader, NAME_MAX_SIZE);
    request.count = cbor_read_array(&reader, ADMIN_ARGUMENTS_MAX);
    for (size_t i = 0; i < request.count && reader.err == BS_OK; i++) {
        if (cbor_read_array(&reader, 2) != 2)
            cbor_read_fail(&reader);
        request.arguments[i].name = cbor_read_text(&reader, NAME_MAX_SIZE);
        request.arguments[i].value = cbor_read_bytes(&reader, 0, ADMIN_REQUEST_MAX);
    }
    if (cbor_read_end(&reader) != BS_OK)
        return BS_ERR_PROTOCOL;
    *ret_request = request;
    return BS_OK;
}
