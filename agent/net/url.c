/* IDNA is not ours: names in the configuration are A-labels (RFC 5890). */
#include "agent/net/net.h"

#include <arpa/inet.h>
#include <string.h>

#define DEFAULT_PORT "8443"

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
}

static bool is_ip(const char *host)
{
    uint8_t address[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

/* Takes the host off the front of *at; false when there is none that could be one. */
static bool take_host(const char **at, struct net_url *url)
{
    bool is_bracketed = **at == '[';
    const char *begin = *at + (is_bracketed ? 1 : 0);
    size_t size = 0;

    while (is_bracketed ? (begin[size] != '\0' && begin[size] != ']') : is_host_char(begin[size]))
        size++;
    if (size == 0 || size > NET_HOST_MAX || (is_bracketed && begin[size] != ']'))
        return false;
    memcpy(url->host, begin, size);
    url->host[size] = '\0';
    url->is_address = is_ip(url->host);
    *at = begin + size + (is_bracketed ? 1 : 0);
    /* Brackets are for IPv6 addresses alone (RFC 3986 §3.2.2). */
    return is_bracketed == (strchr(url->host, ':') != NULL) && (!is_bracketed || url->is_address);
}

static bool take_port(const char **at, const char *otherwise, struct net_url *url)
{
    size_t size;
    char text[6] = { 0 };
    uint64_t port;

    if (**at != ':') {
        if (otherwise != NULL)
            (void)strcpy(url->port, otherwise);
        return otherwise != NULL;
    }
    size = strspn(*at + 1, "0123456789");
    if (size == 0 || size >= sizeof(text))
        return false;
    memcpy(text, *at + 1, size);
    if (bs_parse_u64(text, 65535, &port) != BS_OK || port == 0)
        return false;
    memcpy(url->port, text, sizeof(text));
    *at += 1 + size;
    return true;
}

static enum bs_err parse(const char *url, const char *scheme, const char *default_port, struct net_url *ret_url)
{
    struct net_url parsed = { 0 };
    const char *at = url + strlen(scheme);

    if (strncmp(url, scheme, strlen(scheme)) != 0 || !take_host(&at, &parsed) || !take_port(&at, default_port, &parsed))
        return BS_ERR_CONFIG;
    if (strcmp(at, "") != 0 && strcmp(at, "/") != 0)
        return BS_ERR_CONFIG;
    *ret_url = parsed;
    return BS_OK;
}

enum bs_err net_url_parse(const char *url, struct net_url *ret_url)
{
    return parse(url, "https://", DEFAULT_PORT, ret_url);
}

enum bs_err net_proxy_parse(const char *url, struct net_url *ret_url)
{
    return parse(url, "http://", NULL, ret_url);
}
