/* The agent's configuration, and the addresses that stand in it. */
#include "agent/config.h"
#include "agent/net/net.h"
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static void url(struct bs_span input)
{
    struct net_url parsed;
    char *text = strndup(input.size > 0 ? (const char *)input.data : "", input.size);
    FUZZ_CLAIM(text != NULL);
    if (net_url_parse(text, &parsed) == BS_OK)
        FUZZ_CLAIM(parsed.host[0] != '\0' && parsed.port[0] != '\0' && strlen(parsed.host) <= NET_HOST_MAX);
    if (net_proxy_parse(text, &parsed) == BS_OK)
        FUZZ_CLAIM(parsed.host[0] != '\0' && parsed.port[0] != '\0' && strlen(parsed.host) <= NET_HOST_MAX);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct agent_config config;
    struct conf_problem problem = { "" };
    BS_OWN(conf) conf = NULL;
    enum bs_err err = config_parse("bootseal.conf", BS_SPAN(data, size), &config, &conf, &problem);
    url(BS_SPAN(data, size));
    if (err != BS_OK) {
        FUZZ_CLAIM(err == BS_ERR_CONFIG);
        FUZZ_CLAIM(problem.text[0] != '\0');
        FUZZ_CLAIM_TEXT(bs_span_of_string(problem.text));
        return 0;
    }
    FUZZ_CLAIM(config.measure.pcrs != 0 && config.measure.pcrs >> 24 == 0);
    FUZZ_CLAIM(config.cap.pcr >= 0 && config.cap.pcr < 24);
    return 0;
}
