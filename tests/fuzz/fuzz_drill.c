#include <stdio.h>
#include <stdlib.h>

#include "drill/drill.h"
#include "host/host_inspect.h"

/* Any text as a script: it is read or refused, and what is read is run, in bounded steps and memory. The host is asked
   after every event whether it still holds together, and a report says something whenever the script did not pass. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS_MAX = 3000, OCTETS_MAX = 8 << 20 };

static const char *inspect(const la_host *host)
{
    const char *wrong = host_check(host);
    if (wrong != NULL) {
        fprintf(stderr, "fuzz_drill: %s\n", wrong);
        abort();
    }
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct drill_options options = {
        .steps_max = STEPS_MAX, .octets_max = OCTETS_MAX, .inspect = inspect, .verbose = true};
    struct drill_report report;
    drill_run((const char *)data, size, &options, &report);
    if (report.result != DRILL_PASSED && (report.message == NULL || report.message[0] == '\0')) {
        fputs("fuzz_drill: it did not pass, and does not say why\n", stderr);
        abort();
    }
    drill_report_free(&report);
    return 0;
}
