/* The quote: made by the AK's TPM, about this statement, over exactly the demanded PCRs, and those are the statement's values. */
#include "server/evidence.h"

#include <string.h>

/* Part 2 §10.12.1: everything after the six bytes of magic and type depends on the type, so these are looked at first. */
static enum bs_err verify_head(struct bs_span quote, struct refusal *refusal)
{
    struct bs_reader reader = BS_READER(quote);
    uint32_t magic = 0;
    uint16_t type = 0;
    /* Zeros stay where there are fewer bytes, and are neither. */
    (void)(bs_read_be32(&reader, &magic) && bs_read_be16(&reader, &type));
    if (magic != TPM2_GENERATED_VALUE)
        return refuse(refusal, BS_REASON_QUOTE_MAGIC, "the quote was not made by a TPM");
    if (type != TPM2_ST_ATTEST_QUOTE)
        return refuse(refusal, BS_REASON_QUOTE_TYPE, "the AK signed something, but no quote");
    return BS_OK;
}

static enum bs_err verify_signature(const struct evidence *evidence, struct refusal *refusal)
{
    TPMT_SIGNATURE signature;
    if (wire_signature_decode(evidence->request.signature, &signature) != BS_OK ||
        wire_attest_verify(&evidence->ak, evidence->request.quote, &signature) != BS_OK)
        return refuse(refusal, BS_REASON_QUOTE_SIGNATURE, "the quote is not signed by the AK");
    return BS_OK;
}

static uint32_t selection_mask(const TPMS_PCR_SELECTION *selection)
{
    uint32_t mask = 0;
    for (unsigned i = 0; i < selection->sizeofSelect && i < 4; i++)
        mask |= (uint32_t)selection->pcrSelect[i] << (8 * i);
    return mask;
}

/*
 * Exactly one selection: for a bank that is not active a TPM signs an empty one, and a second one would change what the digest
 * is about.
 */
static enum bs_err verify_selection(const struct config *config, const TPMS_QUOTE_INFO *quote,
                                    const struct message_pcrs *pcrs, struct refusal *refusal)
{
    uint32_t demanded = config_quote_mask(config);
    const char *bank = crypto_hash_name(config->measure_bank);
    if (pcrs->bank != config->measure_bank || pcrs->mask != demanded)
        return refuse(
            refusal, BS_REASON_QUOTE_SELECTION,
            "the statement is not about the PCRs that the server demands (%s, mask 0x%06x); compare measure and cap in "
            "bootseal.conf with bootseald.conf",
            bank, demanded);
    if (quote->pcrSelect.count != 1 || quote->pcrSelect.pcrSelections[0].hash != config->measure_bank ||
        selection_mask(&quote->pcrSelect.pcrSelections[0]) != demanded)
        return refuse(refusal, BS_REASON_QUOTE_SELECTION,
                      "the quote is not over exactly the demanded PCRs of the %s bank; is that bank active?", bank);
    return BS_OK;
}

static enum bs_err verify_digest(const struct evidence *evidence, const TPMS_QUOTE_INFO *quote, struct refusal *refusal)
{
    const struct message_pcrs *pcrs = &evidence->statement.pcrs;
    struct bs_span values[MESSAGE_PCRS];
    size_t count = 0;
    for (unsigned pcr = 0; pcr < MESSAGE_PCRS; pcr++)
        if (pcrs->mask & (1u << pcr))
            values[count++] = pcrs->values[pcr];
    /* The digest is made with the hash of the AK's scheme (Part 3 §18.4), which is SHA-256 by our template. */
    uint8_t digest[CRYPTO_SHA256_SIZE];
    enum bs_err err = wire_pcr_digest(CRYPTO_SHA256, values, count, digest);
    if (err != BS_OK)
        return err;
    if (!bs_span_equal(BS_SPAN(quote->pcrDigest.buffer, quote->pcrDigest.size), BS_SPAN(digest, sizeof(digest))))
        return refuse(refusal, BS_REASON_QUOTE_DIGEST, "the PCR values of the statement are not the quoted ones");
    return BS_OK;
}

enum bs_err verify_quote(const struct config *config, struct evidence *evidence, struct refusal *refusal)
{
    TPMS_ATTEST quote;
    uint8_t nonce[CRYPTO_SHA256_SIZE];
    enum bs_err err = verify_signature(evidence, refusal);
    if (err == BS_OK)
        err = verify_head(evidence->request.quote, refusal);
    if (err == BS_OK)
        err = message_quote_data(evidence->request.statement, nonce);
    if (err != BS_OK)
        return err;
    if (wire_attest_decode(evidence->request.quote, &quote) != BS_OK)
        return refuse(refusal, BS_REASON_MALFORMED, "the quote cannot be read");
    if (!bs_span_equal(BS_SPAN(quote.extraData.buffer, quote.extraData.size), BS_SPAN(nonce, sizeof(nonce))))
        return refuse(refusal, BS_REASON_QUOTE_NONCE, "the quote is not about this statement");
    /* A key of another hierarchy would tell obfuscated counters (Part 1 §36.7). */
    if (!bs_span_equal(BS_SPAN(quote.qualifiedSigner.name, quote.qualifiedSigner.size),
                       wire_name_span(&evidence->ak_qualified)))
        return refuse(refusal, BS_REASON_QUOTE_SIGNATURE,
                      "the signer of the quote is not a primary of the endorsement hierarchy");
    err = verify_selection(config, &quote.attested.quote, &evidence->statement.pcrs, refusal);
    if (err == BS_OK)
        err = verify_digest(evidence, &quote.attested.quote, refusal);
    if (err != BS_OK)
        return err;
    evidence->is_quoted = true;
    evidence->reset_count = quote.clockInfo.resetCount;
    evidence->firmware_version = quote.firmwareVersion;
    return BS_OK;
}
