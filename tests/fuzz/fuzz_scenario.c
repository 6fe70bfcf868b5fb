#include "lab/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The scenario language: whatever the octets are, the reader takes them or says why not; and what it took, the writer
   writes as a text that the reader takes for the same. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "fuzz_scenario: %s\n", what);
    abort();
}

static char *text_of(const struct scenario *scenario)
{
    char *text = NULL;
    size_t length = 0;
    FILE *file = open_memstream(&text, &length);
    need(file != NULL && scenario_write(file, scenario), "cannot be written");
    fclose(file);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct scenario_error error;
    struct scenario *scenario = scenario_read((const char *)data, size, &error);
    if (scenario == NULL) {
        need(error.text[0] != '\0', "refused without a reason");
        return 0;
    }
    char *text = text_of(scenario);
    struct scenario *again = scenario_read(text, strlen(text), &error);
    need(again != NULL, "what is written cannot be read");
    char *text_again = text_of(again);
    need(strcmp(text, text_again) == 0, "what is written reads back as something else");
    free(text);
    free(text_again);
    free(scenario);
    free(again);
    return 0;
}
