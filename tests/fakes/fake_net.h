/* A network with one server, linked in place of agent/net: the test says who answers, and what. */
#pragma once

#include "agent/net/net.h"

struct fake_net {
    unsigned ups;   /* net_up was called so often */
    enum bs_err up; /* and answers this */
    unsigned connects;
    unsigned refuse_connects; /* so many connections fail first ... */
    enum bs_err connect_err;  /* ... with this; then they succeed */
    bool is_connected;
    uint8_t channel; /* every byte of the exporter; another one for each connection */
    /* Answers a request. NULL: the server hangs up. */
    enum bs_err (*serve)(const char *path, struct bs_span body, struct bs_buf *answer, struct net_answer *ret_answer);
    struct net_totals totals;
};
extern struct fake_net fake_net;
void fake_net_new(void);
