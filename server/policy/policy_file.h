/* Policies: which boots are good. The model of the file, its parser, and what every rule means (bootseal-policy(5)). */
#pragma once

#include "core/conf.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * A libconfig file, judged by policy_judge.h:
 *
 *     name = "gateway";
 *     pcrs: { events = [4, 7, 9, 11]; whole = [0, 2]; ignore = [1, 3, 5, 6]; };
 *     secure_boot = "on";
 *     signers = ( { variable = "db"; fingerprint = "HEX"; }, { variable = "KEK"; subject = "CN=..."; } );
 *     variables = ( { name = "dbx"; digests = ["sha256:HEX"]; } );
 *     applications = ( { name = "shim"; digests = ["sha256:HEX"]; }, { release = "gw-1.4"; } );
 *     command_line: { exact = ["..."]; required = ["ro"]; forbidden = ["init="]; };
 *     initrd = ["sha256:HEX"];
 *     sections = ( { name = ".linux"; digests = ["sha256:HEX"]; } );
 *     measured = ( { pcr = 9; digests = ["sha256:HEX"]; note = "grub.cfg"; } );
 *     firmware: { known = ( { vendor = "..."; version = "1.4"; values = ["sha256:HEX"]; } );
 *                 allow = ( { vendor = "..."; minimum = "1.2"; maximum = "1.9"; } ); deny = ( { minimum = "1.3"; maximum = "1.3"; } ); };
 *     values = ( { pcr = 2; digests = ["sha256:HEX"]; }, { pcr = 0; reference = "golden"; } );
 *     tpm = ( { manufacturer = "id:49465800"; minimum = "7.85.0.0"; } );
 *
 * What is not allowed is refused. A boot is good when all of this holds:
 *
 * pcrs           Each quoted PCR is in one of the three lists; only the cap's PCR may be in none while nothing extended it. Each PCR in
 *                `events` or `whole` is quoted, and the log leads to its value. `events`: every event of the PCR is taken by exactly one
 *                rule, and by its digest: type, data and device path of an event are not authenticated, and decide nothing unless
 *                the digest is theirs. `whole`: the value is one that `values` (or, of PCR 0, `firmware.known`) names. `ignore`:
 *                anything may have been measured there. PCRs 16 and 23 can only be there.
 * (built in)     In PCRs 0 to 7 that are in `events`: exactly one separator (zeros or ones; one that tells of an error counts as none).
 *                What a firmware says about its own course, by the digests of the known sentences ("Calling EFI Application from
 *                Boot Option" and the like in PCR 4, "Exit Boot Services ..." in PCR 5), and "enter-initrd" of systemd-pcrphase as
 *                the last event of PCR 11. No more: "DMA Protection Disabled" or "UEFI Debug Mode" must be named in `measured`.
 *
 * PCRs 8 to 15 are extended by what was started: what rules say of them (sections, command_line, initrd, releases in 9 and 11) is worth
 * something only where PCR 4 or 7 are judged too, so that only trusted programs were started. What a running system measured later (the
 * userspace log) is taken by `measured` alone.
 *
 * Each rule that is given demands: what it names must be there. Where a group lists several digests, one of them must be; `optional =
 * true` in a group allows that none is. Rules take events in the order in which they stand above; an event that two rules name is taken
 * by the first. Groups of one rule stand in the file's order.
 *
 * secure_boot    Demands the variable SecureBoot in PCR 7, once and before the separator, with the value 1 ("on"), or with 0 or
 *                without a value ("off"). Not given, it is "on" all the same where the value of PCR 7 is all that says what may
 *                be started: of that PCR in `whole`, by the log that leads to it.
 * signers        Of each `variable` named ("PK", "KEK", "db", "MokList", "Shim"). PK, KEK and db: demands the variable in PCR 7, once,
 *                before the separator, not empty, and with no entry but certificates that a signer of this variable names. db, MokList,
 *                Shim: what admitted an image (EV_EFI_VARIABLE_AUTHORITY, behind the separator) must be a certificate that a signer
 *                of this variable names; with secure_boot = "on" at least one such event is demanded where a signer is of one of these
 *                three. `fingerprint` is the SHA-256 of the DER certificate. `subject` is compared exactly as `bootsealctl eventlog
 *                show` prints it; everybody can make a certificate with any subject, so it says less: who can enroll keys can
 *                enroll one of that name.
 * variables      Demands each variable, once and before the separator of its PCR, by the digest that the firmware measured. `pcr` is
 *                needed for names that are not known (known: PK, KEK, db, dbx, dbr, dbt and the like in 7, Boot* in 1, Mok* in
 *                14, which has no separator).
 * applications   In PCR 4, by Authenticode digest. A group with `digests` demands one of them, any number of times. Of groups that
 *                are not optional, the first event of each comes in the order of the groups (releases: in the place of the first). Groups with
 *                `release` are alternatives: one of these references must match with all of its events in PCRs 4, 9 and 11 (those of
 *                the three that are in `events`), in their order, and of several that do the one with the most takes them; events of other
 *                groups may stand between them.
 * sections       In PCR 11, as systemd-stub measures: the name of a section, and next its contents. Demands each section named,
 *                exactly once.
 * command_line   The text that the kernel got, where a digest in PCR 8, 9, 11 or 12 (those in `events`) is that of it: what the device
 *                claims as /proc/cmdline, in the form that is measured there (8: GRUB; 8, 9, 12: UTF-16, EFI stub and systemd-stub; 11:
 *                section .cmdline), or the measured text in the log itself (8, 12). With GRUB put PCR 8 into `events`: PCR 9 has
 *                files alone. Demands one at least, and of each that is found: it is one of
 *                `exact` where that is given; each word of `required` is in it, and none of `forbidden`. A word is what
 *                stands between blanks; one that ends with "=" stands for every word that begins with it. Where NAME=VALUE is
 *                required, another value of that name must be required too (the kernel takes the last). See command_line.h.
 * initrd         In PCR 9: demands one of the digests.
 * measured       Any other event: demands one of the digests in this PCR.
 * firmware       The version is that of the known build whose PCR 0 was quoted; else, with PCR 0 in `events`, the measured text of the
 *                one EV_S_CRTM_VERSION, before the separator. A vendor is known of known builds alone, for nothing that is measured names
 *                it. Refused: what a `deny` fits (an unknown vendor fits every vendor), and what no `allow` fits; without `allow`
 *                a known build is good. Versions are compared number by number and word by word (version.h); two that
 *                cannot be compared are out of every `allow` and within every `deny`.
 * values         Each PCR in `whole` has one of the values, or that of a reference of the profile. Several groups are alternatives.
 * tpm            One group fits at least: `manufacturer` as the EK certificate says it ("id:49465800") or its four letters ("IFX");
 *                firmware version as quoted, four numbers of 16 bits.
 *
 * Digests are written "sha256:HEX" (sha1, sha384, sha512); only those of the quoted bank can match.
 */
#define POLICY_NAME_MAX 64

/* 16 and 23: whatever runs may set them back, and measure there what it likes (PFP 1.06 §3.3.4, table 1). */
#define POLICY_FREE_PCRS (UINT32_C(1) << 16 | UINT32_C(1) << 23)

enum policy_secure_boot { POLICY_SECURE_BOOT_ANY, POLICY_SECURE_BOOT_ON, POLICY_SECURE_BOOT_OFF };

/* Elements of the lists; strings belong to the policy, what was not given is NULL or 0. */
struct policy_signer {
    const char *variable;
    const char *fingerprint; /* 64 hex digits */
    const char *subject;
};

struct policy_variable {
    const char *name;
    int64_t pcr; /* policy_variable_pcr() where the file says nothing */
    struct conf_strings digests;
    bool is_optional;
};

struct policy_application {
    const char *name;
    struct conf_strings digests; /* or: */
    const char *release;
    bool is_optional;
};

struct policy_section {
    const char *name;
    struct conf_strings digests;
    bool is_optional;
};

struct policy_measured {
    int64_t pcr;
    struct conf_strings digests;
    const char *note;
    bool is_optional;
};

struct policy_build {
    const char *vendor;
    const char *version;
    struct conf_strings values; /* of PCR 0 */
};

/* Of firmware (vendor) and of TPMs (manufacturer). */
struct policy_range {
    const char *who;
    const char *minimum; /* both inclusive */
    const char *maximum;
};

struct policy_value {
    int64_t pcr;
    struct conf_strings digests; /* or: */
    const char *reference;
};

struct policy_file {
    struct conf *conf;
    const char *name;
    const char *description;
    uint32_t events; /* masks of PCRs, without one in common */
    uint32_t whole;
    uint32_t ignore;
    int secure_boot; /* enum policy_secure_boot */
    struct conf_list signers;
    struct conf_list variables;
    struct conf_list applications;
    struct conf_list sections;
    struct conf_strings exact; /* command lines */
    struct conf_strings required;
    struct conf_strings forbidden;
    struct conf_strings initrd;
    struct conf_list measured;
    struct conf_list known;
    struct conf_list allow;
    struct conf_list deny;
    struct conf_list values;
    struct conf_list tpm;
};

/*
 * CONFIG with *problem when the text is no policy, has a rule that can never match, or does not say what may be started: by the value of
 * PCR 4 or 7, by something that is demanded of PCR 4, or by secure_boot = "on".
 */
enum bs_err policy_parse(struct bs_span text, struct policy_file *ret_policy, struct conf_problem *problem) BS_MUST_USE;
/* The same without the last, for tests of single rules: what decides about a device has to come from policy_parse(). */
enum bs_err policy_parse_rules(struct bs_span text, struct policy_file *ret_policy,
                               struct conf_problem *problem) BS_MUST_USE;
void policy_free(struct policy_file *policy);

bool policy_name_is_valid(const char *name);

/* Has the policy anything to say about the command line, about firmware? */
bool policy_has_command_line(const struct policy_file *policy);
bool policy_has_firmware(const struct policy_file *policy);

/* The PCR that a variable of this name is measured into; -1 where that is not known. */
int policy_variable_pcr(const char *name);
