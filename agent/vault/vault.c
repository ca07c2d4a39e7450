#include "agent/vault/vault.h"

#include "agent/vault/forget.h"
#include "agent/vault/keys.h"
#include "agent/vault/slot.h"
#include "agent/vault/unseal.h"
#include "agent/vault/verify.h"
#include "core/log.h"

#include <string.h>

/* A foreign increment between our seal and our increment costs one more round, a second one is no accident. */
#define COMMIT_TRIES 2

/* A slot as it lies on the disk; `err` says why it could not be read or decoded. */
struct slot_file {
    enum bs_err err;
    struct bs_buf bytes;
    struct slot slot;
};

static void slot_files_free(struct slot_file (*files)[VAULT_SLOTS])
{
    for (size_t i = 0; i < VAULT_SLOTS; i++)
        bs_buf_free(&(*files)[i].bytes);
}
#define SCOPED_SLOT_FILES __attribute__((cleanup(slot_files_free)))

static void slot_file_read(const struct slots *slots, size_t index, struct slot_file *ret_file)
{
    ret_file->bytes = BS_BUF(SLOT_MAX);
    ret_file->err = slots_read(slots, index, &ret_file->bytes);
    if (ret_file->err == BS_OK)
        ret_file->err = slot_decode(bs_buf_span(&ret_file->bytes), &ret_file->slot);
}

/* A folder that is not there has no slots; one that cannot be opened has unreadable ones. */
static void slot_files_read(const char *dir, struct slot_file ret_files[VAULT_SLOTS])
{
    SCOPED_SLOTS slots = SLOTS_NONE;
    enum bs_err err = slots_open(dir, &slots);
    for (size_t i = 0; i < VAULT_SLOTS; i++) {
        slot_file_read(&slots, i, &ret_files[i]);
        if (err != BS_OK)
            ret_files[i].err = err;
    }
}

static bool is_mark(const struct slot_file *file)
{
    return file->err == BS_ERR_INPUT && forget_is_mark(bs_buf_span(&file->bytes));
}

static bool is_of_generation(const struct slot_file *file, uint64_t generation)
{
    return file->err == BS_OK && file->slot.header.generation == generation;
}

static size_t younger_slot(const struct slot_file files[VAULT_SLOTS])
{
    if (files[0].err != BS_OK || files[1].err != BS_OK)
        return files[0].err == BS_OK ? 0 : 1;
    return files[1].slot.header.generation > files[0].slot.header.generation ? 1 : 0;
}

void vault_opened_clear(struct vault_opened *opened)
{
    bs_secret_free(opened->plain);
    bs_secret_free(opened->made);
    *opened = (struct vault_opened){ 0 };
}

/* What the TPM would say no to anyway, without asking it. */
static bool is_sealed_here(const struct slot_header *header, const struct vault_policy *policy,
                           const struct tpm_counter *counter)
{
    return header->policy.kind == policy->kind && header->policy.bank == policy->bank &&
           header->policy.boot_mask == policy->boot_mask && header->policy.cap_pcr == policy->cap_pcr &&
           header->counter_index == counter->public_area.nvIndex &&
           wire_name_equal(&header->counter_name, &counter->name);
}

/* What vault_open needs in every slot. */
struct opening {
    struct tpm *tpm;
    const struct vault_open_request *request;
    struct vault_findings *findings;
};

static enum bs_err open_slot(const struct opening *o, const struct slot_file *file, struct vault_opened *ret_opened)
{
    if (file->err != BS_OK)
        return file->err;
    const struct slot_header *header = &file->slot.header;
    struct tpm_counter counter;
    enum bs_err err = tpm_counter_expect(o->tpm, header->generation, &counter);
    if (err != BS_OK)
        return err;
    if (!is_sealed_here(header, o->request->policy, &counter))
        return BS_ERR_BOOT;

    BS_OWN(secret) key = NULL;
    err = unseal_slot(o->tpm, o->request, header, &key);
    o->findings->is_answer_changed |= err == BS_ERR_TAMPERED;
    if (err != BS_OK)
        return err == BS_ERR_TAMPERED ? BS_ERR_TPM : err; /* the slot may be as good as ever */

    struct vault_opened opened = { .generation = header->generation };
    err = slot_open(&file->slot, key, &opened.plain);
    if (err != BS_OK)
        return err;
    /* From here on the slot is whole: what does not fit was made so. */
    err = slot_contents(opened.plain, &opened.contents);
    err = err == BS_ERR_INPUT ? BS_ERR_TAMPERED : err;
    if (err == BS_OK)
        err = verify_opened(o->tpm, o->request->roots, header, &opened);
    if (err != BS_OK) {
        vault_opened_clear(&opened);
        return err;
    }
    *ret_opened = opened;
    return BS_OK;
}

static void note_finding(enum bs_err err, struct vault_findings *findings)
{
    findings->slots_seen += err != BS_ERR_NOT_FOUND;
    findings->is_tampered |= err == BS_ERR_TAMPERED;
    findings->is_corrupt |= err == BS_ERR_INPUT || err == BS_ERR_IO;
    findings->is_boot_changed |= err == BS_ERR_BOOT;
}

static enum bs_err worst(const struct vault_findings *findings, enum bs_err tpm_err)
{
    if (tpm_err != BS_OK)
        return tpm_err;
    if (findings->is_tampered)
        return BS_ERR_TAMPERED;
    if (findings->is_boot_changed)
        return BS_ERR_BOOT;
    return findings->is_corrupt ? BS_ERR_INPUT : BS_ERR_NOT_FOUND;
}

/* Nothing opened. Where something else than our counter lies at its index, somebody put it there. */
static enum bs_err after_all(struct tpm *tpm, struct vault_findings *findings, enum bs_err tpm_err)
{
    struct tpm_counter counter;
    if (tpm_err == BS_OK && tpm_counter_read(tpm, &counter) == BS_ERR_TAMPERED) {
        findings->is_tampered = true;
        return BS_ERR_TAMPERED;
    }
    return worst(findings, tpm_err);
}

static bool is_tpm_failure(enum bs_err err)
{
    return err != BS_ERR_NOT_FOUND && err != BS_ERR_INPUT && err != BS_ERR_IO && err != BS_ERR_BOOT &&
           err != BS_ERR_TAMPERED;
}

/*
 * The power was cut between the increment and the copy, or a sector went bad. What opened is whole and the server's, so the other
 * slot becomes its copy now; where that fails, the next boot tries again.
 */
static void restore_copy(const char *dir, const struct slot_file *good, size_t to)
{
    SCOPED_SLOTS slots = SLOTS_NONE;
    enum bs_err err = slots_open(dir, &slots);
    if (err == BS_OK)
        err = slots_write(&slots, to, bs_buf_span(&good->bytes));
    if (err == BS_OK)
        bs_info("vault", "%s is a copy of the other slot again", slots_name(to));
    else
        bs_warning("vault", "%s is not usable, and no copy of the other slot could be written to %s", slots_name(to),
                   dir);
}

enum bs_err vault_open(struct tpm *tpm, const struct vault_open_request *request, struct vault_opened *ret_opened,
                       struct vault_findings *ret_findings)
{
    *ret_findings = (struct vault_findings){ 0 };
    SCOPED_SLOT_FILES struct slot_file files[VAULT_SLOTS];
    slot_files_read(request->dir, files);
    if (is_mark(&files[0]) || is_mark(&files[1])) {
        enum bs_err err = forget_finish(request->dir, tpm, &ret_findings->is_forgotten);
        ret_findings->is_forgotten = true; /* also where the mark is gone by now */
        return err == BS_OK ? BS_ERR_NOT_FOUND : err;
    }

    /*
     * What was committed lies in both slots: what one of them says, the other one says, too. Else the younger one is the likelier:
     * the power was cut between its increment and the copy, or, more rarely, before the increment.
     */
    const struct opening o = { .tpm = tpm, .request = request, .findings = ret_findings };
    bool is_copy = files[0].err == BS_OK && bs_span_equal(bs_buf_span(&files[0].bytes), bs_buf_span(&files[1].bytes));
    size_t first = younger_slot(files);
    enum bs_err tpm_err = BS_OK;
    for (size_t i = 0; i < (is_copy ? 1 : VAULT_SLOTS); i++) {
        size_t index = (first + i) % VAULT_SLOTS;
        enum bs_err err = open_slot(&o, &files[index], ret_opened);
        if (err == BS_OK && !is_copy)
            restore_copy(request->dir, &files[index], 1 - index);
        if (err == BS_OK)
            return BS_OK;
        bs_debug("vault", "%s: %s", slots_name(index), bs_err_name(err));
        note_finding(err, ret_findings);
        if (is_tpm_failure(err))
            tpm_err = err;
    }
    return after_all(tpm, ret_findings, tpm_err);
}

/* NOT_FOUND when none of the shares is for this slot. */
static enum bs_err recover_slot(const struct slot *slot, const struct vault_shares *shares,
                                struct vault_opened *ret_opened)
{
    BS_OWN(secret) key = NULL;
    enum bs_err err = BS_ERR_NOT_FOUND;
    for (size_t i = 0; i < shares->count && err == BS_ERR_NOT_FOUND; i++) {
        const struct vault_share share = { shares->shares[i].serial, shares->shares[i].value, shares->device };
        err = slot_unwrap(slot, &share, &key);
    }
    struct vault_opened opened = { .generation = slot->header.generation };
    if (err == BS_OK)
        err = slot_open(slot, key, &opened.plain);
    if (err == BS_OK)
        err = slot_contents(opened.plain, &opened.contents);
    if (err == BS_OK)
        *ret_opened = opened;
    else
        vault_opened_clear(&opened);
    return err;
}

void vault_recover(const char *dir, const struct vault_shares *shares, struct vault_opened ret_opened[VAULT_SLOTS],
                   size_t *ret_count)
{
    *ret_count = 0;
    SCOPED_SLOT_FILES struct slot_file files[VAULT_SLOTS];
    slot_files_read(dir, files);
    for (size_t i = 0; i < VAULT_SLOTS; i++) {
        enum bs_err err = is_mark(&files[0]) || is_mark(&files[1]) ? BS_ERR_NOT_FOUND : files[i].err;
        if (err == BS_OK)
            err = recover_slot(&files[i].slot, shares, &ret_opened[*ret_count]);
        if (err == BS_OK)
            (*ret_count)++;
        else
            bs_debug("vault", "%s is not recovered: %s", slots_name(i), bs_err_name(err));
    }
}

/* The slot that may be overwritten: one that does not hold the generation of now. Of two copies, the second. */
static size_t idle_slot(const char *dir, uint64_t generation)
{
    SCOPED_SLOT_FILES struct slot_file files[VAULT_SLOTS];
    slot_files_read(dir, files);
    return is_of_generation(&files[0], generation) ? 1 : 0;
}

static enum bs_err seal_generation(struct tpm *tpm, const struct vault_request *request,
                                   const struct tpm_counter *counter, struct bs_buf *out)
{
    const struct vault_policy *want = request->policy;
    struct slot_header header = {
        .generation = counter->value + 1,
        .policy = *want,
        .counter_index = counter->public_area.nvIndex,
        .counter_name = counter->name,
    };
    struct tpm_approver approver;
    if (request->signer) {
        header.signer = *request->signer;
        approver = (struct tpm_approver){ &header.signer.key, header.signer.policy_ref };
    }
    BS_OWN(secret) key = NULL;
    const TPMT_PUBLIC *srk;
    const struct wire_name *srk_name;
    enum bs_err err = tpm_srk(tpm, &srk, &srk_name);
    if (err == BS_OK) {
        header.srk = *srk;
        err = bs_secret_new(SLOT_KEY_SIZE, &key);
    }
    if (err == BS_OK)
        err = crypto_random(bs_secret_data(key), SLOT_KEY_SIZE);
    if (err == BS_OK)
        err = crypto_random(header.nonce, sizeof(header.nonce));
    if (err == BS_OK && request->share)
        err = crypto_random(header.share.nonce, sizeof(header.share.nonce));

    struct tpm_policy policy;
    if (err == BS_OK)
        err = tpm_policy_now(tpm, want->bank, want->boot_mask, want->cap_pcr, counter, header.generation, &policy);
    if (err == BS_OK && request->signer)
        policy.approver = &approver;
    if (err == BS_OK)
        err = tpm_seal(tpm, &policy, key, &header.sealed);
    if (err == BS_OK)
        err = slot_encode(&header, &(struct slot_keys){ key, request->share }, request->contents, out);
    return err;
}

static enum bs_err commit_once(struct tpm *tpm, const struct vault_request *request, const struct slots *slots,
                               uint64_t *ret_generation)
{
    struct tpm_counter counter;
    enum bs_err err = tpm_counter_make(tpm, &counter);
    if (err != BS_OK)
        return err;
    uint64_t next = counter.value + 1;
    size_t idle = idle_slot(request->dir, counter.value);

    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(SLOT_MAX);
    err = seal_generation(tpm, request, &counter, &bytes);
    if (err == BS_OK)
        err = slots_write(slots, idle, bs_buf_span(&bytes));
    if (err == BS_OK)
        err = tpm_counter_increment(tpm, &counter);
    if (err != BS_OK)
        return err;
    if (counter.value != next)
        return BS_ERR_TAMPERED;

    /* Committed. The copy is a spare: without it the device boots as well. */
    if (slots_write(slots, 1 - idle, bs_buf_span(&bytes)) != BS_OK)
        bs_warning("vault", "the spare copy of the vault could not be written to %s/%s", request->dir,
                   slots_name(1 - idle));
    *ret_generation = next;
    return BS_OK;
}

enum bs_err vault_commit(struct tpm *tpm, const struct vault_request *request, uint64_t *ret_generation)
{
    SCOPED_SLOTS slots = SLOTS_NONE;
    bool was_marked;
    enum bs_err err = slots_make(request->dir, &slots);
    if (err == BS_OK)
        err = forget_finish(request->dir, tpm, &was_marked);
    if (err != BS_OK)
        return err;

    for (unsigned i = 0; i < COMMIT_TRIES; i++) {
        err = commit_once(tpm, request, &slots, ret_generation);
        if (err != BS_ERR_TAMPERED)
            break;
    }
    return err;
}

void vault_look(const char *dir, struct vault_slot_info ret_slots[VAULT_SLOTS])
{
    SCOPED_SLOT_FILES struct slot_file files[VAULT_SLOTS];
    slot_files_read(dir, files);
    for (size_t i = 0; i < VAULT_SLOTS; i++) {
        ret_slots[i] = (struct vault_slot_info){ .name = slots_name(i), .err = files[i].err };
        ret_slots[i].is_mark = is_mark(&files[i]);
        if (files[i].err != BS_OK)
            continue;
        ret_slots[i].generation = files[i].slot.header.generation;
        ret_slots[i].policy = files[i].slot.header.policy;
        ret_slots[i].share_serial = files[i].slot.header.share.serial;
        ret_slots[i].has_share = slot_has_share(&files[i].slot);
    }
}
