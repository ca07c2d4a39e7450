/* A request of bootsealctl: an act and its named arguments; and the table of acts. */
#pragma once

#include "server/admin/document.h"
#include "server/operator/operator.h"

#define ADMIN_REQUEST_MAX (1024 * 1024)
#define ADMIN_ARGUMENTS_MAX 16
#define ADMIN_TEXT_MAX 512

struct admin_argument {
    struct bs_span name;
    struct bs_span value; /* text, or a file's contents */
};

/* [act, [[name, value] ...]], deterministic CBOR; values are byte strings. */
struct admin_request {
    struct bs_span act; /* "device approve" */
    struct admin_argument arguments[ADMIN_ARGUMENTS_MAX];
    size_t count;
};

enum bs_err admin_request_encode(const struct admin_request *request, struct bs_buf *out) BS_MUST_USE;
enum bs_err admin_request_decode(struct bs_span in, struct admin_request *ret_request) BS_MUST_USE;

/* What an act works with. Texts of arguments are copied here, zero-terminated. */
struct admin_act {
    struct operator_call call;
    const struct admin_request *request;
    struct document document;
    char texts[ADMIN_ARGUMENTS_MAX][ADMIN_TEXT_MAX];

    /* Of one that takes long: called again and again, while others are served in between, until it fails or says that it is done. */
    enum bs_err (*go_on)(struct admin_act *act, bool *ret_is_done);
    void *work; /* its own, freed by: */
    void (*work_free)(void *work);
};

/* Text of an argument; NULL when it is not given. One that is too long or has a zero byte is treated by admin_run_step() before. */
const char *admin_text(struct admin_act *act, const char *name);
struct bs_span admin_bytes(const struct admin_act *act, const char *name);
bool admin_flag(const struct admin_act *act, const char *name);
/*
 * A point in time: DATE (2026-11-22, or 2026-11-22T10:30:00Z) or, before now, a duration as below; 0 when it is not given. INPUT as
 * above.
 */
enum bs_err admin_since(struct admin_act *act, const char *name, int64_t *ret_time) BS_MUST_USE;
/* Whole number from `min` to `max`; `missing` when it is not given. INPUT with a sentence in call.why. */
enum bs_err admin_number(struct admin_act *act, const char *name, uint64_t min, uint64_t max, uint64_t missing,
                         uint64_t *ret_value) BS_MUST_USE;
/* Seconds: digits and one of s m h d w (no unit: seconds). INPUT as above. */
enum bs_err admin_duration(struct admin_act *act, const char *name, uint64_t missing,
                           uint64_t *ret_seconds) BS_MUST_USE;

typedef enum bs_err (*admin_fn)(struct admin_act *act);

enum admin_value { ADMIN_TEXT, ADMIN_FLAG, ADMIN_FILE };

struct admin_parameter {
    const char *name;
    enum admin_value kind;
    bool is_needed;
};
#define ADMIN_PARAMETERS_MAX 8
struct admin_entry {
    const char *act;
    admin_fn run;
    struct admin_parameter parameters[ADMIN_PARAMETERS_MAX];
    const char *row; /* what the audit log calls it; NULL: it only looks */
};

/* The tables, ended by an entry without an act. */
extern const struct admin_entry admin_device_acts[];
extern const struct admin_entry admin_judge_acts[];
extern const struct admin_entry admin_key_acts[];
extern const struct admin_entry admin_policy_acts[];
extern const struct admin_entry admin_server_acts[];

/* One of all tables; NULL after the last. */
const struct admin_entry *admin_entry_at(size_t index);

/* The PCR values of a boot as a table; where people have other things to look at, for programs only. */
void admin_show_pcrs(struct document *document, const struct store_boot *boot, bool is_for_people);

/* The keys that a device made, as a table. */
enum bs_err admin_show_keys(struct admin_act *act, const char *id) BS_MUST_USE;

/* A request for `actor`, which lives as `in` and `out` do as long as it is run. */
struct admin_run;
enum bs_err admin_run_begin(struct server *server, const char *actor, struct bs_span in, struct bs_buf *out,
                            struct admin_run **ret_run) BS_MUST_USE;
/* Some milliseconds of it. When it is done a complete document was appended to `out`, whatever happened; it is called no more then. */
enum bs_err admin_run_step(struct admin_run *run, bool *ret_is_done) BS_MUST_USE;
void admin_run_free(struct admin_run *run);
BS_DEFINE_OWN(admin_run, struct admin_run, admin_run_free)
