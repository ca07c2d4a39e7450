/* bootsealctl reference add: the image stays here, and what its boot will measure is sent. */
#pragma once

#include "server/admin/admin_request.h"

/* What the request points into afterwards; its owner frees the buffers. */
struct predict_files {
    struct bs_buf events;
    struct bs_buf firmware;
};

/* Puts into the place of the arguments "uki" and "firmware", which are paths, what bootseald wants. An exit code, after saying why. */
int ctl_predict(struct admin_request *request, struct predict_files *files);
