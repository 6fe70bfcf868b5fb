#include "census.h"

#include "text.h"
#include "waits.h"

#include <jansson.h>
#include <lastack/lastack.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

/* What comes and leaves in a second is counted over so many seconds, or over one wait where that is shorter. */
enum { RATE_SECONDS = 10 };

/* A client's address, a server's address and port. */
struct destination {
    struct la_address client;
    struct la_endpoint server;
    uint64_t ports; /* that wait */
    double come;    /* in a second, lately */
    double leave;   /* in a second, from now on */
    double settle;  /* so many ports wait in the end if they go on coming so, each for as long as it asks */
};

struct census {
    struct census_budget budget;
    la_time now;
    uint64_t kinds[LA_WAIT_CLASS_COUNT];
    uint64_t both; /* of those that wait: closed at once */
    uint64_t answered;
    uint64_t restarted;
    uint64_t timestamps;
    double come; /* in a second, lately */
    void *tree;  /* of struct destination */
    struct destination **sorted;
    size_t count;
};

struct census *census_new(const struct census_budget *budget, la_time now)
{
    struct census *census = calloc(1, sizeof *census);
    if (!census)
        return NULL;
    census->budget = *budget;
    census->now = now;
    return census;
}

void census_free(struct census *census)
{
    if (!census)
        return;
    tdestroy(census->tree, free);
    free(census->sorted);
    free(census);
}

/* ---- counting ---------------------------------------------------------------------------------------------------- */

static int by_place(const void *a, const void *b)
{
    const struct destination *one = a, *other = b;
    int order = memcmp(&one->client, &other->client, sizeof one->client);
    order = order ? order : memcmp(&one->server.address, &other->server.address, sizeof one->server.address);
    return order ? order : (one->server.port > other->server.port) - (one->server.port < other->server.port);
}

static bool is_ephemeral(const struct census *census, uint16_t port)
{
    return port >= census->budget.first_port && port <= census->budget.last_port;
}

/* Who opened a connection is not in its record: whose port is one that clients take. */
static struct destination destination_of(const struct census *census, const struct la_wait *wait)
{
    bool ours = is_ephemeral(census, wait->local.port) && !is_ephemeral(census, wait->remote.port);
    const struct la_endpoint *client = ours ? &wait->local : &wait->remote;
    return (struct destination){.client = client->address, .server = ours ? wait->remote : wait->local};
}

static struct destination *find(struct census *census, const struct la_wait *wait)
{
    struct destination wanted = destination_of(census, wait);
    void *found = tfind(&wanted, &census->tree, by_place);
    if (found)
        return *(struct destination **)found;
    struct destination *fresh = malloc(sizeof *fresh);
    if (!fresh)
        return NULL;
    *fresh = wanted;
    if (!tsearch(fresh, &census->tree, by_place)) {
        free(fresh);
        return NULL;
    }
    census->count++;
    return fresh;
}

static la_time wait_of(const struct census *census, const struct la_wait *wait)
{
    return wait->since ? wait->until - wait->since : 2 * (la_time)census->budget.msl_ms * LA_MILLISECOND;
}

/* When a wait that was restarted came is not known. */
static bool came_within(const struct census *census, const struct la_wait *wait, la_time window)
{
    return wait->since && wait->restarts == 0 && census->now - wait->since < window;
}

static void count_flow(struct census *census, struct destination *destination, const struct la_wait *wait)
{
    la_time whole = wait_of(census, wait), left = wait->until > census->now ? wait->until - census->now : 0;
    la_time window = whole < RATE_SECONDS * LA_SECOND ? whole : RATE_SECONDS * LA_SECOND;
    double per_second = window ? 1e9 / (double)window : 0;
    if (came_within(census, wait, window)) {
        census->come += per_second;
        destination->come += per_second;
        destination->settle += per_second * ((double)whole / 1e9);
    }
    if (left < window)
        destination->leave += per_second;
}

bool census_add(struct census *census, const struct la_wait *wait)
{
    if (wait->kind >= LA_WAIT_CLASS_COUNT)
        return true;
    census->kinds[wait->kind]++;
    if (wait->kind != LA_CLASS_WAITING)
        return true;
    struct destination *destination = find(census, wait);
    if (!destination)
        return false;
    census->both += wait->way == LA_WAY_CLOSING;
    census->answered += wait->answers > 0;
    census->restarted += wait->restarts > 0;
    census->timestamps += wait->timestamps;
    destination->ports++;
    count_flow(census, destination, wait);
    return true;
}

/* ---- the destinations, most ports first -------------------------------------------------------------------------- */

struct gathering {
    struct destination **next;
};

static void gather(const void *node, VISIT visit, void *context)
{
    struct gathering *gathering = context;
    if (visit == preorder || visit == leaf)
        *gathering->next++ = *(struct destination *const *)node;
}

static int by_ports(const void *a, const void *b)
{
    const struct destination *one = *(struct destination *const *)a, *other = *(struct destination *const *)b;
    int order = (one->ports < other->ports) - (one->ports > other->ports);
    return order ? order : by_place(one, other);
}

/* How many of them are to be shown. */
static size_t sort(struct census *census, unsigned most)
{
    free(census->sorted);
    census->sorted = calloc(census->count + 1, sizeof(struct destination *));
    if (!census->sorted)
        return 0;
    struct gathering gathering = {census->sorted};
    twalk_r(census->tree, gather, &gathering);
    qsort(census->sorted, census->count, sizeof(struct destination *), by_ports);
    return census->count < most ? census->count : most;
}

/* ---- figures ----------------------------------------------------------------------------------------------------- */

static unsigned ports_of(const struct census *census)
{
    return census->budget.last_port - census->budget.first_port + 1U;
}

/* At so many a second all ports wait. */
static double limit_of(const struct census *census)
{
    return census->budget.msl_ms ? ports_of(census) * 1e3 / (2.0 * census->budget.msl_ms) : 0;
}

/* Seconds until every port waits, if all goes on as it does; below 0: they do not run out. */
static double runs_out_in(const struct census *census, const struct destination *at)
{
    double all = ports_of(census), ports = (double)at->ports;
    if (ports >= all)
        return 0;
    return at->settle < all || at->come <= at->leave ? -1 : (all - ports) / (at->come - at->leave);
}

static uint64_t total_of(const struct census *census)
{
    uint64_t total = 0;
    for (unsigned kind = 0; kind < LA_WAIT_CLASS_COUNT; kind++)
        total += census->kinds[kind];
    return total;
}

/* ---- in plain words ---------------------------------------------------------------------------------------------- */

static void text_destination(const struct census *census, const struct destination *at, FILE *file)
{
    char client[LA_ADDRESS_TEXT_BYTES], server[ENDPOINT_TEXT_BYTES];
    double seconds = runs_out_in(census, at);
    la_address_text(&at->client, client);
    fprintf(file, "  %s to %s: %llu of %u ports wait (%.1f %%), %.1f more a second: ", client,
            endpoint_text(&at->server, server), (unsigned long long)at->ports, ports_of(census),
            100.0 * (double)at->ports / ports_of(census), at->come);
    if (seconds < 0)
        fputs("they do not run out\n", file);
    else if (at->ports >= ports_of(census))
        fputs("all of them\n", file);
    else
        fprintf(file, "all in %.0f s\n", seconds);
}

bool census_text(struct census *census, FILE *file, unsigned most)
{
    const uint64_t *kinds = census->kinds;
    unsigned long long waiting = kinds[LA_CLASS_WAITING];
    uint64_t kept = kinds[LA_CLASS_ABORTED] + kinds[LA_CLASS_REMEMBERED];
    fprintf(file, "%llu records\n", (unsigned long long)total_of(census));
    fprintf(file, "  %llu wait: %llu we closed first, %llu both closed at once\n", waiting, waiting - census->both,
            (unsigned long long)census->both);
    fprintf(file, "  %llu only remember: %llu we reset, %llu the peer closed first\n", (unsigned long long)kept,
            (unsigned long long)kinds[LA_CLASS_ABORTED], (unsigned long long)kinds[LA_CLASS_REMEMBERED]);
    fprintf(file,
            "of those that wait %llu have answered, %llu have begun again (the last ACK was lost), %llu have "
            "timestamps\n",
            (unsigned long long)census->answered, (unsigned long long)census->restarted,
            (unsigned long long)census->timestamps);
    fprintf(file, "%.1f a second come, each for %.1f s or what its connection asked for\n", census->come,
            2.0 * census->budget.msl_ms / 1e3);
    size_t shown = sort(census, most);
    if (shown)
        fprintf(file,
                "\nports towards one server, from %u to %u: who cannot open again on one that waits has none left at\n"
                "%.0f connections a second. lastack can.\n",
                census->budget.first_port, census->budget.last_port, limit_of(census));
    for (size_t i = 0; i < shown; i++)
        text_destination(census, census->sorted[i], file);
    if (shown < census->count)
        fprintf(file, "  and %zu more\n", census->count - shown);
    return !ferror(file);
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static json_t *destination_object(const struct census *census, const struct destination *at)
{
    char client[LA_ADDRESS_TEXT_BYTES], server[ENDPOINT_TEXT_BYTES];
    double seconds = runs_out_in(census, at);
    la_address_text(&at->client, client);
    return json_pack("{s:s, s:s, s:I, s:f, s:f, s:o}", "client", client, "server", endpoint_text(&at->server, server),
                     "ports", (json_int_t)at->ports, "share", (double)at->ports / ports_of(census), "per_second",
                     at->come, "runs_out_in_s", seconds < 0 ? json_null() : json_real(seconds));
}

bool census_json(struct census *census, FILE *file, unsigned most)
{
    const uint64_t *kinds = census->kinds;
    json_t *destinations = json_array();
    size_t shown = sort(census, most);
    for (size_t i = 0; i < shown; i++)
        json_array_append_new(destinations, destination_object(census, census->sorted[i]));
    json_t *object =
        json_pack("{s:I, s:{s:I, s:I, s:I}, s:{s:I, s:I, s:I, s:I}, s:I, s:I, s:I, s:f, s:i, s:f, s:I, s:o}", "records",
                  (json_int_t)total_of(census), "classes", "waiting", (json_int_t)kinds[LA_CLASS_WAITING], "aborted",
                  (json_int_t)kinds[LA_CLASS_ABORTED], "remembered", (json_int_t)kinds[LA_CLASS_REMEMBERED], "reasons",
                  "we_closed_first", (json_int_t)(kinds[LA_CLASS_WAITING] - census->both), "both_closed_at_once",
                  (json_int_t)census->both, "we_reset", (json_int_t)kinds[LA_CLASS_ABORTED], "peer_closed_first",
                  (json_int_t)kinds[LA_CLASS_REMEMBERED], "answered", (json_int_t)census->answered, "restarted",
                  (json_int_t)census->restarted, "timestamps", (json_int_t)census->timestamps, "closed_per_second",
                  census->come, "ports", (int)ports_of(census), "ports_per_second", limit_of(census),
                  "destination_count", (json_int_t)census->count, "destinations", destinations);
    bool written = object &&
                   json_dumpf(object, file, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(6)) == 0 &&
                   fputc('\n', file) != EOF;
    json_decref(object);
    return written;
}

/* ---- OpenMetrics ------------------------------------------------------------------------------------------------- */

static void gauge(FILE *file, const char *name, const char *help)
{
    fprintf(file, "# TYPE lastack_%s gauge\n# HELP lastack_%s %s\n", name, name, help);
}

static void metric_of_record(FILE *file, const char *kind, const char *reason, uint64_t value)
{
    fprintf(file, "lastack_wait_records{class=\"%s\",reason=\"%s\"} %llu\n", kind, reason, (unsigned long long)value);
}

static void metric(FILE *file, const char *name, const char *help, double value)
{
    gauge(file, name, help);
    fprintf(file, "lastack_%s %.10g\n", name, value);
}

/* A counter's sample ends in _total, its family does not. */
static void counter_metrics(FILE *file, const json_t *counted)
{
    static const struct {
        enum la_counter counter;
        const char *name;
        const char *help;
    } list[] = {
        {LA_COUNT_WAIT_ENTERED, "entered", "Connections that went to TIME-WAIT."},
        {LA_COUNT_WAIT_EXPIRED, "expired", "Waits that came to their end."},
        {LA_COUNT_WAIT_ANSWERED, "answered", "ACKs that records have sent."},
        {LA_COUNT_WAIT_LIMITED, "limited", "ACKs that records have not sent, because one had just been."},
        {LA_COUNT_WAIT_RESTARTED, "restarted", "Waits that a repeated FIN has begun again."},
        {LA_COUNT_WAIT_RESTARTS_CAPPED, "restarts_capped", "Repeated FINs that have begun nothing again."},
        {LA_COUNT_WAIT_REOPENED, "reopened", "Waits that ended because the peer opened again."},
        {LA_COUNT_WAIT_REUSED, "reused", "Waits that ended because the host opened again."},
        {LA_COUNT_WAIT_RESTORED, "restored", "Waits that are back, because nothing came of the opening."},
        {LA_COUNT_WAIT_EVICTED, "evicted", "Waits that were given up because the table was full."},
        {LA_COUNT_WAIT_RESET, "reset", "Waits that a RST ended."},
        {LA_COUNT_WAIT_KEPT, "kept", "Connections of which a record only remembers."},
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        const json_t *value = json_object_get(counted, la_counter_name(list[i].counter));
        fprintf(file, "# TYPE lastack_wait_%s counter\n# HELP lastack_wait_%s %s\nlastack_wait_%s_total %lld\n",
                list[i].name, list[i].name, list[i].help, list[i].name, (long long)json_integer_value(value));
    }
}

bool census_openmetrics(struct census *census, const json_t *counted, FILE *file, unsigned most)
{
    size_t shown = sort(census, most);
    const uint64_t *kinds = census->kinds;
    gauge(file, "wait_records", "Records that stand for ended connections.");
    metric_of_record(file, "waiting", "closed-first", kinds[LA_CLASS_WAITING] - census->both);
    metric_of_record(file, "waiting", "closed-at-once", census->both);
    metric_of_record(file, "aborted", "reset", kinds[LA_CLASS_ABORTED]);
    metric_of_record(file, "remembered", "peer-closed-first", kinds[LA_CLASS_REMEMBERED]);
    metric(file, "wait_records_answered", "Waiting records that have sent an ACK.", (double)census->answered);
    metric(file, "wait_records_restarted", "Waiting records that a repeated FIN has begun again.",
           (double)census->restarted);
    metric(file, "wait_records_per_second", "Waiting records that come in a second, lately.", census->come);
    metric(file, "wait_ports_limit", "Ports that a client has towards one server.", ports_of(census));
    gauge(file, "wait_ports", "Ports of a client that wait, towards one server.");
    for (size_t i = 0; i < shown; i++) {
        char client[LA_ADDRESS_TEXT_BYTES], server[ENDPOINT_TEXT_BYTES];
        la_address_text(&census->sorted[i]->client, client);
        fprintf(file, "lastack_wait_ports{client=\"%s\",server=\"%s\"} %llu\n", client,
                endpoint_text(&census->sorted[i]->server, server), (unsigned long long)census->sorted[i]->ports);
    }
    if (counted)
        counter_metrics(file, counted);
    fputs("# EOF\n", file);
    return !ferror(file);
}
