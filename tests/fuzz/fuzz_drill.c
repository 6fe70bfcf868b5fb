#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drill/drill.h"
#include "host/host_inspect.h"

/* Any text as a script: it is read or refused, and what is read is run, in bounded steps and memory. The host is asked
   after every event whether it still holds together, and a report says something whenever the script did not pass. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS_MAX = 3000, OCTETS_MAX = 8 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct drill_options options = {
        .steps_max = STEPS_MAX, .octets_max = OCTETS_MAX, .inspect = host_check, .verbose = true};
    struct drill_report report;
    drill_run((const char *)data, size, &options, &report);
    bool is_told = report.result == DRILL_PASSED || (report.message != NULL && report.message[0] != '\0');
    bool is_sound = report.message == NULL || strstr(report.message, "contradicts itself") == NULL;
    if (!is_told || !is_sound) {
        fprintf(stderr, "fuzz_drill: %s\n", report.message != NULL ? report.message : "no reason");
        abort();
    }
    drill_report_free(&report);
    return 0;
}
