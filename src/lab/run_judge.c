#include "run_private.h"

#include "words.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- contents ---------------------------------------------------------------------------------------------------- */

static bool received_equals(const struct program_connection *connection, const struct scenario_content *content)
{
    size_t at = 0;
    if (connection->received_length != scenario_octets(content))
        return false;
    for (uint32_t i = 0; i < content->count; i++) {
        size_t length = strlen(content->piece[i].text);
        for (uint32_t n = 0; n < content->piece[i].times; n++, at += length) {
            if (memcmp(connection->received + at, content->piece[i].text, length) != 0)
                return false;
        }
    }
    return true;
}

/* What was received, as a content: runs of one octet as such. */
static void describe(const struct program_connection *connection, char seen[LAB_SEEN_BYTES])
{
    struct scenario_content content = {0};
    size_t at = 0;
    while (at < connection->received_length && content.count < SCENARIO_PIECES) {
        struct scenario_piece *piece = &content.piece[content.count++];
        size_t run = 1;
        size_t used = 0;
        while (at + run < connection->received_length && connection->received[at + run] == connection->received[at])
            run++;
        piece->times = 1;
        if (run >= 4) {
            piece->times = (uint32_t)run;
            piece->text[used++] = connection->received[at];
            at += run;
            continue;
        }
        while (at < connection->received_length && used + 1 < sizeof piece->text) {
            const char *here = connection->received + at;
            if (at + 4 <= connection->received_length && here[0] == here[1] && here[0] == here[2] && here[0] == here[3])
                break;
            piece->text[used++] = connection->received[at++];
        }
    }
    FILE *file = fmemopen(seen, LAB_SEEN_BYTES, "w");
    if (file == NULL)
        return;
    scenario_write_content(file, &content);
    if (at < connection->received_length)
        fprintf(file, ", and more");
    fclose(file);
    seen[LAB_SEEN_BYTES - 1] = '\0';
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

static void compare(const struct scenario_expectation *expectation, uint64_t seen, struct lab_verdict *verdict)
{
    snprintf(verdict->seen, sizeof verdict->seen, "%" PRIu64, seen);
    switch (expectation->comparison) {
    case COMPARE_EQUAL: verdict->met = seen == expectation->count; break;
    case COMPARE_AT_LEAST: verdict->met = seen >= expectation->count; break;
    case COMPARE_AT_MOST: verdict->met = seen <= expectation->count; break;
    }
}

static void judge_name(const char *expected, const char *seen, struct lab_verdict *verdict)
{
    snprintf(verdict->seen, sizeof verdict->seen, "%s", seen);
    verdict->met = strcmp(expected, seen) == 0;
}

static uint64_t number_of(const struct run *run, const struct scenario_expectation *expectation)
{
    unsigned node = (unsigned)expectation->subject.node;
    int which = expectation->which;
    const struct program *program = &run->program[node];
    struct la_counters counters = {0};
    if (network_kind(run->network, node) == NETWORK_HOST)
        la_host_counters(network_host(run->network, node), &counters);
    switch (expectation->predicate) {
    case EXPECT_ENTERS: return program->connection[expectation->subject.connection - 1].entered[which];
    case EXPECT_SENDS: return program->sent[which];
    case EXPECT_REPEATS: return program->repeats;
    case EXPECT_WAITS: return program->waits[which];
    case EXPECT_DROPS: return counters.dropped[which];
    case EXPECT_COUNTS: return counters.counter[which];
    case EXPECT_HOLDS: return which == 0 ? counters.connections : counters.time_wait_ipv4 + counters.time_wait_ipv6;
    case EXPECT_REFUSES: return program->refused;
    case EXPECT_IS:
    case EXPECT_RECEIVES:
    case EXPECT_ENDS:
    case EXPECT_ANSWERS: break;
    }
    return 0;
}

void judge(const struct run *run, const struct scenario_expectation *expectation, struct lab_verdict *verdict)
{
    const struct program_connection *connection =
        &run->program[expectation->subject.node].connection[expectation->subject.connection - 1];
    int answer = connection->answer > 0 ? LA_OK : connection->answer;
    switch (expectation->predicate) {
    case EXPECT_IS: judge_name(state_name(expectation->which), state_name((int)connection->state), verdict); return;
    case EXPECT_ENDS: judge_name(end_name(expectation->which), end_name((int)connection->end), verdict); return;
    case EXPECT_ANSWERS: judge_name(error_name(expectation->which), error_name(-answer), verdict); return;
    case EXPECT_RECEIVES:
        verdict->met = received_equals(connection, &expectation->content);
        describe(connection, verdict->seen);
        return;
    case EXPECT_ENTERS:
    case EXPECT_SENDS:
    case EXPECT_REPEATS:
    case EXPECT_WAITS:
    case EXPECT_DROPS:
    case EXPECT_COUNTS:
    case EXPECT_HOLDS:
    case EXPECT_REFUSES: compare(expectation, number_of(run, expectation), verdict); return;
    }
}
