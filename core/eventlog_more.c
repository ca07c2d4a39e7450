#include "core/eventlog_more.h"

#include "core/eventlog_foreign.h"
#include "core/eventlog_say.h"
#include "core/userlog_firmware.h"

void eventlog_know_more(void)
{
    static const struct eventlog_more more = { say_other, userlog_firmware_event, eventlog_foreign };
    eventlog_more = &more;
}
