#include "server/ctl/commands.h"

#include <string.h>

#define NO_OPTIONS     \
    {                  \
        {              \
            NULL, NULL \
        }              \
    }

const struct command commands[] = {
    { "device", "list", "device list", NULL, NO_OPTIONS, "devices and what was last decided about them" },
    { "device", "show", "device show", "ID", NO_OPTIONS, "one device: identity, boot, what differs, certificates" },
    { "device",
      "approve",
      "device approve",
      "ID",
      { { "learn", NULL }, { "profile", "NAME" }, { "question", "DIGEST" }, { "accept-reset", NULL } },
      "let it in; --learn takes the boot it showed as a reference of its profile" },
    { "device", "refuse", "device refuse", "ID", { { "because", "TEXT" } }, "say no to a device that waits" },
    { "device", "revoke", "device revoke", "ID", { { "because", "TEXT" } }, "block it and revoke its certificates" },
    { "device", "import", "device import", "FILE", NO_OPTIONS, "register by CSV: ek_sha256,serial,profile,labels" },
    { "token",
      "create",
      "token create",
      NULL,
      { { "profile", "NAME" }, { "uses", "N" }, { "expires", "TIME" } },
      "a secret that lets devices in; shown once" },
    { "token", "list", "token list", NULL, NO_OPTIONS, "tokens, without what is secret" },
    { "token", "revoke", "token revoke", "ID", NO_OPTIONS, "no further device gets in by it" },
    { "profile", "apply", "profile apply", "FILE", NO_OPTIONS, "make or change a profile, see bootseal-profile(5)" },
    { "profile", "show", "profile show", "NAME", NO_OPTIONS, "its items, without what is secret" },
    { "profile", "list", "profile list", NULL, NO_OPTIONS, "profiles" },
    { "reference", "list", "reference list", NULL, { { "profile", "NAME" } }, "known good boots" },
    { "reference", "show", "reference show", "ID", NO_OPTIONS, "its PCRs and events" },
    { "audit", "verify", "audit verify", NULL, NO_OPTIONS, "check that no row was changed or taken out" },
    { "audit",
      NULL,
      "audit list",
      NULL,
      { { "after", "NO" }, { "limit", "N" }, { "device", "ID" } },
      "verdicts and acts, oldest first" },
    { "ca", "show", "ca show", NULL, NO_OPTIONS, "the server's certificates" },
};

const size_t command_count = sizeof(commands) / sizeof(commands[0]);

const struct command *command_find(int argc, char **argv, int *ret_words)
{
    for (size_t i = 0; i < command_count; i++) {
        const struct command *command = &commands[i];
        int words = command->verb != NULL ? 2 : 1;

        if (argc < words || strcmp(argv[0], command->noun) != 0 ||
            (command->verb != NULL && strcmp(argv[1], command->verb) != 0))
            continue;
        *ret_words = words;
        return command;
    }
    return NULL;
}
