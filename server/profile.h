/*
 * Profiles: what a device gets. A libconfig file (bootseal-profile(5)):
 *
 *     name = "sensor";
 *     policy = "gateway";
 *     items = (
 *         { name = "wifi.psk";    kind = "secret";      text = "correct horse"; },
 *         { name = "root.key";    kind = "secret";      hex = "00ff..."; },
 *         { name = "db.key";      kind = "generated";   size = 32; encoding = "hex"; },
 *         { name = "wg0.key";     kind = "generate";    type = "x25519"; format = "wireguard"; },
 *         { name = "10-lan.network"; kind = "file";     text = "[Match]\nName=${device.label.nic}\n"; },
 *         { name = "site-ca.pem"; kind = "certificate"; text = "-----BEGIN CERTIFICATE-----\n..."; }
 *     );
 *
 * Files may name ${device.id}, ${device.serial} and ${device.label.NAME}; "$${" stands for "${". A variable that is unknown, or
 * that a device has no value for, is an error: a half-filled configuration is worse than none.
 */
#pragma once

#include "core/bundle.h"
#include "core/conf.h"
#include "server/store/store.h"

#define PROFILE_NAME_MAX BS_PROFILE_NAME_MAX
#define PROFILE_SECRET_MAX 1024 /* bytes of a generated secret */

enum profile_kind { PROFILE_SECRET, PROFILE_GENERATED, PROFILE_FILE, PROFILE_CERTIFICATE, PROFILE_GENERATE };
enum profile_encoding { PROFILE_RAW, PROFILE_HEX };

#define PROFILE_NOT_GIVEN (-1)

/* As the file says it; strings belong to struct profile. Not set: NULL or 0. */
struct profile_item {
    const char *name;
    int kind;
    const char *text;
    const char *hex;
    int64_t size;
    int encoding;
    int type;   /* of a key that the device makes: see profile_key_kind(); PROFILE_NOT_GIVEN */
    int format; /* of the same: see profile_key_form(); PROFILE_NOT_GIVEN: raw */
};

/* Who keeps the share that opens a vault whose boot, counter or TPM is another one. */
enum profile_recovery { PROFILE_RECOVERY_SERVER, PROFILE_RECOVERY_OPERATOR, PROFILE_RECOVERY_NONE };

struct profile {
    struct conf *conf;
    const char *name;
    const char *policy; /* which boots are good (server/policy/policy_file.h); NULL: those that equal a reference */
    const struct profile_item *items;
    size_t item_count;
    enum profile_recovery recovery;
    struct crypto_point recovery_key; /* with PROFILE_RECOVERY_OPERATOR */
};

/* Of an item that is a key which the device makes; the size of random bytes, else 0. */
enum bs_generated_kind profile_key_kind(const struct profile_item *item);
enum bs_generated_form profile_key_form(const struct profile_item *item);
uint32_t profile_key_size(const struct profile_item *item);

/* CONFIG with *problem when the text is no good profile. */
enum bs_err profile_parse(struct bs_span text, struct profile *ret_profile, struct conf_problem *problem) BS_MUST_USE;
void profile_free(struct profile *profile);

bool profile_name_is_valid(const char *name);
const char *profile_kind_name(enum profile_kind kind);

/* NAME=VALUE, separated by commas; names like those of items, values without comma and control characters. */
bool profile_labels_are_valid(const char *labels);

/* The items for one device: owned bytes and the bundle's view of them. */
struct profile_items {
    struct bs_buf data[BS_ITEMS_MAX];
    struct bundle_item items[BS_ITEMS_MAX];
    size_t count;
};
void profile_items_free(struct profile_items *items); /* wipes */

/*
 * Makes them, inside a transaction: generated secrets are made once for each device and item, and then kept. INPUT when the device
 * lacks a value that a file needs; `why` says which.
 */
enum bs_err profile_items_make(struct store *store, const struct profile *profile, const struct store_device *device,
                               int64_t now, struct profile_items *ret_items, char why[256]) BS_MUST_USE;

/* One file's text for a device; appends. For profile_items_make() and for checking a profile when it is applied (`device` NULL). */
enum bs_err profile_expand(const char *text, const struct store_device *device, struct bs_buf *out,
                           char why[256]) BS_MUST_USE;
