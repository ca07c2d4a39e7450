#include "server/ctl/sm3.h"

#include <nettle/sm3.h>
#include <nettle/version.h>

void sm3(struct bs_span data, uint8_t *ret_digest)
{
    struct sm3_ctx state;

    sm3_init(&state);
    sm3_update(&state, data.size, data.data);
#if NETTLE_VERSION_MAJOR < 4
    sm3_digest(&state, SM3_DIGEST_SIZE, ret_digest);
#else
    sm3_digest(&state, ret_digest); /* always the whole one */
#endif
}
