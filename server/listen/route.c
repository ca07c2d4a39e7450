#include "server/listen/route.h"
#include "bootseal/protocol.h"

#include <string.h>
#include <strings.h>

typedef void (*exchange_fn)(struct server *server, struct enroll_session *session, struct bs_span body,
                            struct bs_buf *answer, struct enroll_result *ret_result);

struct entry {
    const char *path;
    enum route_method method;
    exchange_fn exchange; /* of a POST */
};

static const struct entry entries[] = {
    { BS_PATH_ATTEST, ROUTE_POST, enroll_attest },
    { BS_PATH_PROVE, ROUTE_POST, enroll_prove },
    { BS_PATH_CONFIRM, ROUTE_POST, enroll_confirm },
    { BS_PATH_WHOAMI, ROUTE_GET, NULL },
    { BS_PATH_HEALTH, ROUTE_GET, NULL },
};

static void refuse(int status, const char *allow, struct route_response *response)
{
    *response = (struct route_response){ .content_type = "text/plain", .allow = allow, .result = { .status = status } };
}

static bool is_our_type(struct bs_span type)
{
    return type.size == strlen(BS_MEDIA_TYPE) && strncasecmp((const char *)type.data, BS_MEDIA_TYPE, type.size) == 0;
}

static void get(struct server *server, const struct route_connection *connection, const struct entry *entry,
                struct bs_buf *body, struct route_response *response)
{
    response->content_type = "application/json";
    if (strcmp(entry->path, BS_PATH_WHOAMI) == 0)
        enroll_whoami(server, connection->client_cert, body, &response->result);
    else
        enroll_health(server, body, &response->result);
}

void route(struct server *server, const struct route_connection *connection, const struct route_request *request,
           struct bs_buf *body, struct route_response *ret_response)
{
    const struct entry *entry = NULL;

    *ret_response = (struct route_response){ 0 };
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
        if (bs_span_equal(request->path, bs_span_of_string(entries[i].path)))
            entry = &entries[i];
    if (entry == NULL) {
        refuse(404, NULL, ret_response);
    } else if (request->method != entry->method) {
        refuse(405, entry->method == ROUTE_GET ? "GET" : "POST", ret_response);
    } else if (entry->method == ROUTE_GET) {
        get(server, connection, entry, body, ret_response);
    } else if (!is_our_type(request->content_type)) {
        refuse(415, NULL, ret_response);
    } else {
        ret_response->content_type = BS_MEDIA_TYPE;
        entry->exchange(server, connection->session, request->body, body, &ret_response->result);
    }
}
