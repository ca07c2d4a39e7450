/*
 * The cap: one extend of the cap PCR, in every active bank, that ends the part of the boot in which
 * the vault opens and the server answers with secrets.
 *
 * The agent extends with TPM2_PCR_Event (TCG TPM 2.0 Library Part 3 §22.3), so the digest extended into
 * a bank is that bank's hash of BS_CAP_EVENT without a terminating zero. A verifier that replays a log
 * finds the cap by that digest, whatever type or data the log claims for the event.
 */
#pragma once

#define BS_CAP_EVENT "bootseal cap v1"

/* The PCR that is extended unless the configuration says otherwise. One of 8 to 15; never 10 (IMA extends it);
 * 16 and 23 can be reset by anybody. */
#define BS_CAP_PCR_DEFAULT 12
