#include "core/err.h"

#include "bootseal/exit.h"

#include <assert.h>
#include <stddef.h>

struct meaning {
    const char *name;
    enum bs_blame blame;
    enum bs_exit exit;
};

static const struct meaning meanings[] = {
    [BS_OK] = { "ok", BS_BLAME_NOBODY, BS_EXIT_DONE },

    [BS_ERR_UNREACHABLE] = { "unreachable", BS_BLAME_WAIT, BS_EXIT_RETRY },
    [BS_ERR_BUSY] = { "busy", BS_BLAME_WAIT, BS_EXIT_RETRY },
    [BS_ERR_TIMEOUT] = { "timeout", BS_BLAME_WAIT, BS_EXIT_RETRY },

    [BS_ERR_REFUSED] = { "refused", BS_BLAME_PEER, BS_EXIT_REFUSED },
    [BS_ERR_WIPED] = { "wiped", BS_BLAME_PEER, BS_EXIT_WIPED },
    [BS_ERR_UNTRUSTED] = { "untrusted", BS_BLAME_PEER, BS_EXIT_UNTRUSTED },
    [BS_ERR_PROTOCOL] = { "protocol", BS_BLAME_PEER, BS_EXIT_INPUT },

    [BS_ERR_TPM] = { "tpm", BS_BLAME_LOCAL, BS_EXIT_LOCAL },
    [BS_ERR_TPM_TIMEOUT] = { "tpm-timeout", BS_BLAME_LOCAL, BS_EXIT_LOCAL },
    [BS_ERR_NO_TPM] = { "no-tpm", BS_BLAME_LOCAL, BS_EXIT_LOCAL },
    [BS_ERR_BOOT] = { "boot", BS_BLAME_LOCAL, BS_EXIT_LOCAL },
    [BS_ERR_CAPPED] = { "capped", BS_BLAME_LOCAL, BS_EXIT_REFUSED },
    [BS_ERR_TAMPERED] = { "tampered", BS_BLAME_LOCAL, BS_EXIT_UNTRUSTED },
    [BS_ERR_KEYS_LOST] = { "keys-lost", BS_BLAME_LOCAL, BS_EXIT_KEYS_LOST },
    [BS_ERR_INPUT] = { "input", BS_BLAME_LOCAL, BS_EXIT_INPUT },
    [BS_ERR_NOT_FOUND] = { "not-found", BS_BLAME_LOCAL, BS_EXIT_INPUT },
    [BS_ERR_CONFIG] = { "config", BS_BLAME_LOCAL, BS_EXIT_CONFIG },
    [BS_ERR_IO] = { "io", BS_BLAME_LOCAL, BS_EXIT_LOCAL },
    [BS_ERR_NOMEM] = { "nomem", BS_BLAME_LOCAL, BS_EXIT_LOCAL },
    [BS_ERR_CRYPTO] = { "crypto", BS_BLAME_LOCAL, BS_EXIT_LOCAL },
};

static const struct meaning *meaning_of(enum bs_err err)
{
    assert((size_t)err < sizeof(meanings) / sizeof(meanings[0]));
    return &meanings[err];
}

enum bs_blame bs_err_blame(enum bs_err err)
{
    return meaning_of(err)->blame;
}

const char *bs_err_name(enum bs_err err)
{
    return meaning_of(err)->name;
}

int bs_err_exit(enum bs_err err)
{
    return (int)meaning_of(err)->exit;
}
