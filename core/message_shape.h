/* Shapes that several documents share (docs/bootseal.cddl). For encoders and decoders in core/ alone. */
#pragma once

#include "core/message.h"
#include "core/shape.h"

/* struct message_pcrs: values of one bank. */
extern const struct shape message_pcrs_shape;
