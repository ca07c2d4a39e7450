/* The shape of an approval, for core/bundle.c. */
#pragma once

#include "core/approval.h"
#include "core/shape.h"

extern const struct shape approval_shape;
