/* Whether a certificate is that of a host (RFC 6125 §6). */
#include "core/cert_internal.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

struct address {
    uint8_t bytes[sizeof(struct in6_addr)];
    size_t size; /* 0: the host is a name */
};

static struct address parse_address(const char *host)
{
    struct address address = { 0 };
    if (inet_pton(AF_INET, host, address.bytes) == 1)
        address.size = sizeof(struct in_addr);
    else if (inet_pton(AF_INET6, host, address.bytes) == 1)
        address.size = sizeof(struct in6_addr);
    return address;
}

static bool is_name_of(uint8_t tag, struct bs_span name, const char *host, const struct address *address)
{
    if (address->size > 0)
        return tag == CERT_NAME_IP && bs_span_equal(name, BS_SPAN(address->bytes, address->size));
    /* The length is compared first: a zero byte in the name must not end it. */
    return tag == CERT_NAME_DNS && name.size > 0 && name.size == strlen(host) &&
           strncasecmp((const char *)name.data, host, name.size) == 0;
}

bool cert_matches_host(struct bs_span der, const char *host)
{
    struct cert_x509 cert;
    if (cert_x509_read(der, &cert) != BS_OK)
        return false;

    struct address address = parse_address(host);
    struct bs_reader r = BS_READER(cert.alt_names);
    struct bs_span name;
    uint8_t tag;
    while (der_read(&r, &tag, &name))
        if (is_name_of(tag, name, host, &address))
            return true;
    return false;
}
