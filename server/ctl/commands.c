#include "server/ctl/commands.h"

#include <string.h>

#define NO_OPTIONS     \
    {                  \
        {              \
            NULL, NULL \
        }              \
    }

const struct command commands[] = {
    { "device", "list", "device list", NULL, NO_OPTIONS, "devices and what was last decided about them", COMMAND_ACT,
      NULL },
    { "device", "show", "device show", "ID", NO_OPTIONS, "one device: identity, boot, what differs, certificates",
      COMMAND_ACT, NULL },
    { "device",
      "approve",
      "device approve",
      "ID",
      { { "learn", NULL }, { "profile", "NAME" }, { "question", "DIGEST" }, { "accept-reset", NULL } },
      "let it in; --learn takes the boot it showed as a reference of its profile",
      COMMAND_ACT,
      NULL },
    { "device",
      "refuse",
      "device refuse",
      "ID",
      { { "because", "TEXT" } },
      "say no to a device that waits",
      COMMAND_ACT,
      NULL },
    { "device",
      "revoke",
      "device revoke",
      "ID",
      { { "because", "TEXT" } },
      "block it and revoke its certificates",
      COMMAND_ACT,
      NULL },
    { "device",
      "wipe",
      "device wipe",
      "ID",
      { { "because", "TEXT" } },
      "revoke it, and order it to forget when it asks next",
      COMMAND_ACT,
      NULL },
    { "device", "label", "device label", "ID", NO_OPTIONS,
      "set labels that files of its profile name; NAME= takes one away", COMMAND_ACT, "NAME=VALUE" },
    { "device", "move", "device move", "ID", { { "profile", "NAME" } }, "give it another profile", COMMAND_ACT, NULL },
    { "device", "import", "device import", "FILE", NO_OPTIONS, "register by CSV: ek_sha256,serial,profile,labels",
      COMMAND_ACT, NULL },
    { "device", "approvals", "device approvals", "ID", NO_OPTIONS,
      "the boots that its vault may open in, signed: a file for seal.approvals", COMMAND_ACT, NULL },
    { "device",
      "rekey",
      "device rekey",
      "ID",
      { { "key", "NAME" } },
      "let it make new keys in the place of those that it made, or of one",
      COMMAND_ACT,
      NULL },
    { "device", "share", "device share", "ID", NO_OPTIONS, "its recovery shares that only your offline key opens",
      COMMAND_ACT, NULL },
    { "share",
      "open",
      "share open",
      "FILE",
      { { "key", "FILE" } },
      "decrypt them where that key is; bootseald is not asked",
      COMMAND_SHARE,
      NULL },
    { "device", "recover", "device recover", "FILE", NO_OPTIONS,
      "give decrypted shares to the server, for the next approved answer to their device", COMMAND_ACT, NULL },
    { "device", "evidence", "device evidence", "ID", NO_OPTIONS,
      "the boot that it showed last, as a file for policy check", COMMAND_ACT, NULL },
    { "policy",
      "check",
      "policy check",
      "FILE",
      { { "evidence", "FILE" }, { "references", "DIR" } },
      "what a policy says about a boot, with the server's words; bootseald is not asked",
      COMMAND_CHECK,
      NULL },
    { "policy",
      "diff",
      "policy diff",
      "FILE",
      { { "profile", "NAME" } },
      "what would change if it were applied: rules, and devices that would be judged otherwise",
      COMMAND_ACT,
      NULL },
    { "policy", "apply", "policy apply", "FILE", NO_OPTIONS, "make or change a policy, see bootseal-policy(5)",
      COMMAND_ACT, NULL },
    { "policy", "show", "policy show", "NAME", NO_OPTIONS, "the file as it was applied", COMMAND_ACT, NULL },
    { "policy", "list", "policy list", NULL, NO_OPTIONS, "policies, and the profiles that name them", COMMAND_ACT,
      NULL },
    { "token",
      "create",
      "token create",
      NULL,
      { { "profile", "NAME" }, { "uses", "N" }, { "expires", "TIME" } },
      "a secret that lets devices in; shown once",
      COMMAND_ACT,
      NULL },
    { "token", "list", "token list", NULL, NO_OPTIONS, "tokens, without what is secret", COMMAND_ACT, NULL },
    { "token", "revoke", "token revoke", "ID", NO_OPTIONS, "no further device gets in by it", COMMAND_ACT, NULL },
    { "profile", "apply", "profile apply", "FILE", NO_OPTIONS, "make or change a profile, see bootseal-profile(5)",
      COMMAND_ACT, NULL },
    { "profile", "show", "profile show", "NAME", NO_OPTIONS, "its items, without what is secret", COMMAND_ACT, NULL },
    { "profile", "list", "profile list", NULL, NO_OPTIONS, "profiles", COMMAND_ACT, NULL },
    { "reference", "list", "reference list", NULL, { { "profile", "NAME" } }, "known good boots", COMMAND_ACT, NULL },
    { "reference", "show", "reference show", "ID", NO_OPTIONS, "its PCRs and events", COMMAND_ACT, NULL },
    { "reference", "evidence", "reference evidence", "ID", NO_OPTIONS, "its boot, as a file for policy check",
      COMMAND_ACT, NULL },
    { "reference",
      "learn",
      "reference learn",
      "ID",
      { { "name", "NAME" }, { "question", "DIGEST" } },
      "the last boot of a device as a reference, and the policy that approves it",
      COMMAND_ACT,
      NULL },
    { "reference",
      "add",
      "reference add",
      "NAME",
      { { "uki", "FILE" }, { "firmware", "LOG" }, { "profile", "NAME" }, { "phase", "PHASE" }, { "release", NULL } },
      "the boot of a unified kernel image that no device has booted yet",
      COMMAND_PREDICT,
      NULL },
    { "reference",
      "release",
      "reference release",
      "ID",
      { { "name", "NAME" } },
      "a boot in which vaults under a signed policy may open offline",
      COMMAND_ACT,
      NULL },
    { "reference", "revoke", "reference revoke", "ID", NO_OPTIONS,
      "a boot that is no longer good: nothing more for devices that boot so", COMMAND_ACT, NULL },
    { "audit", "verify", "audit verify", NULL, NO_OPTIONS, "check that no row was changed or taken out", COMMAND_ACT,
      NULL },
    { "audit",
      NULL,
      "audit list",
      NULL,
      { { "after", "NO" }, { "since", "TIME" }, { "limit", "N" }, { "device", "ID" } },
      "the last verdicts and acts, or those from a number, date or time on; oldest first",
      COMMAND_ACT,
      NULL },
    { "eventlog",
      "show",
      "eventlog show",
      "FILE",
      { { "userspace", "FILE" } },
      "a boot's event log in words; bootseald is not asked",
      COMMAND_EVENTLOG,
      NULL },
    { "eventlog",
      "replay",
      "eventlog replay",
      "FILE",
      { { "bank", "HASH" }, { "userspace", "FILE" } },
      "the PCR values that a log leads to; bootseald is not asked",
      COMMAND_EVENTLOG,
      NULL },
    { "ca", "show", "ca show", NULL, NO_OPTIONS, "the server's certificates", COMMAND_ACT, NULL },
    { "ca",
      "crl",
      "ca crl",
      NULL,
      { { "days", "N" }, { "der", NULL } },
      "revoked device certificates as a signed list (PEM), for relying parties",
      COMMAND_ACT,
      NULL },
    { "backup", NULL, "backup begin", "FILE", NO_OPTIONS,
      "copy the database, with its secrets, while it is used; the keys are not in it", COMMAND_BACKUP, NULL },
    { "metrics", NULL, "metrics", NULL, NO_OPTIONS, "what is counted, in the format of Prometheus", COMMAND_ACT, NULL },
    { "completion", NULL, "completion", "SHELL", NO_OPTIONS, "completion for bash or zsh, on the standard output",
      COMMAND_COMPLETION, NULL },
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

/* Whether this is the first command of its noun. */
static bool is_new(size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(commands[i].noun, commands[index].noun) == 0)
            return false;
    return true;
}

const char *command_noun(size_t index)
{
    for (size_t i = 0; i < command_count; i++)
        if (is_new(i) && index-- == 0)
            return commands[i].noun;
    return NULL;
}
