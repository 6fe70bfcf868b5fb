#include "demo_scene.h"

#include "cmd.h"
#include "http_client.h"
#include "http_files.h"
#include "http_server.h"
#include "report.h"

#include "link/clock.h"

#include <sha256.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Parts a, b and c: files over lastack's TCP, in both roles, compared by their SHA-256. The peer is curl and nginx on
   the kernel's TCP, or the same HTTP server and client on a second lastack. */

enum { PATIENCE_MS = 50000, RETRY_EVERY_MS = 50 };

/* What lastack, or the second lastack, fetches: only its hash is kept. */
struct fetch {
    struct http_client client;
    SHA2_CTX hash;
    char text[DEMO_HASH_TEXT];
    bool wanted;
};

struct transfer {
    struct scene scene;
    struct demo *demo;
    const char *name; /* "large", "small" */
    int directory;
    struct http_server *server[2];
    struct fetch fetch[2]; /* by who fetches; SCENE_PEER: only without the kernel */
    bool curl_wanted;
    la_time began; /* of the real clock */
    la_time took;
};

static struct transfer transfer;

static la_host *host_of(enum scene_side side)
{
    return side == SCENE_LASTACK ? transfer.scene.host : transfer.scene.peer;
}

/* ---- fetching ---------------------------------------------------------------------------------------------------- */

static bool room(void *context)
{
    (void)context;
    return true;
}

static void body(void *context, const void *data, size_t length)
{
    SHA256Update(&((struct fetch *)context)->hash, data, length);
}

static uint16_t port_at(enum scene_side server)
{
    return server == SCENE_PEER && !transfer.demo->in_memory ? 8080 : 80;
}

static int fetch_begin(enum scene_side who)
{
    struct fetch *fetch = &transfer.fetch[who];
    enum scene_side server = who == SCENE_LASTACK ? SCENE_PEER : SCENE_LASTACK;
    char url_text[96], from[SCENE_HOST_BYTES];
    struct http_url url;
    scene_host_text(transfer.demo, server, from);
    snprintf(url_text, sizeof url_text, "http://%s:%u/%s", from, port_at(server), transfer.name);
    http_url_parse(url_text, &url);
    fetch->wanted = true;
    fetch->client = (struct http_client){.room = room, .body = body, .context = fetch};
    SHA256Init(&fetch->hash);
    return http_client_start(&fetch->client, host_of(who), scene_now(&transfer.scene), NULL, &url);
}

static bool fetched(const struct fetch *fetch)
{
    return !fetch->wanted || fetch->client.phase == HTTP_CLIENT_DONE;
}

static void on_event(void *context, enum scene_side side, const struct la_event *event)
{
    la_time now = scene_now(&transfer.scene);
    la_host *host = host_of(side);
    (void)context;
    if (transfer.server[side] && http_server_event(transfer.server[side], host, now, event))
        return;
    if (transfer.fetch[side].wanted)
        http_client_event(&transfer.fetch[side].client, host, now, event);
}

static bool all_there(void *context)
{
    (void)context;
    bool curl = !transfer.curl_wanted || transfer.scene.stage.child_ended;
    return curl && fetched(&transfer.fetch[0]) && fetched(&transfer.fetch[1]);
}

/* ---- serving ----------------------------------------------------------------------------------------------------- */

static int serve(enum scene_side side)
{
    struct http_server_config config = {.directory = transfer.directory,
                                        .connections = 256,
                                        .local = {scene_address(transfer.demo, side), 80},
                                        .backlog = 64};
    int error;
    transfer.server[side] = http_server_open(host_of(side), scene_now(&transfer.scene), &config, &error);
    return transfer.server[side] ? 0 : complain("demo", "no server: %s", la_error_name((enum la_error)error));
}

static char curl_command[256];

/* curl writes a file, so that what is compared is what it made of it. */
static void prepare_curl(void)
{
    char from[SCENE_HOST_BYTES];
    scene_host_text(transfer.demo, SCENE_LASTACK, from);
    snprintf(curl_command, sizeof curl_command,
             "exec curl --globoff --silent --show-error --max-time 45 --header 'Connection: close' "
             "--output \"$LASTACK_DEMO/fetched\" http://%s/%s",
             from, transfer.name);
    setenv("LASTACK_DEMO", transfer.demo->directory, 1);
    transfer.scene.options.run = curl_command;
}

static void child_ended(void *context)
{
    (void)context; /* all_there sees it */
}

/* ---- one transfer, or two at once -------------------------------------------------------------------------------- */

static int start(bool to_peer, bool from_peer)
{
    struct scene *scene = &transfer.scene;
    scene->on_event = on_event;
    scene->context = &transfer;
    scene->stage.on_stop = child_ended;
    transfer.began = clock_now();
    if (to_peer && serve(SCENE_LASTACK) < 0)
        return -1;
    if (to_peer && transfer.demo->in_memory) {
        fetch_begin(SCENE_PEER);
    } else if (to_peer) {
        transfer.curl_wanted = true;
        prepare_curl();
        if (stage_start_command(&scene->stage) < 0)
            return -1;
    }
    if (from_peer && transfer.demo->in_memory && serve(SCENE_PEER) < 0)
        return -1;
    return from_peer ? fetch_begin(SCENE_LASTACK) : 0;
}

static bool carry(struct demo *demo, const char *name, const char *const (*impair)[2], bool to_peer, bool from_peer)
{
    struct scene_setup setup = {.msl_ms = 30000, .impair = impair};
    memset(&transfer, 0, sizeof transfer);
    transfer.demo = demo;
    transfer.name = name;
    transfer.directory = resource_directory(demo->directory);
    if (scene_open(&transfer.scene, demo, &setup) < 0 || start(to_peer, from_peer) < 0)
        return false;
    bool in_time = scene_until(&transfer.scene, all_there, PATIENCE_MS);
    transfer.took = clock_now() - transfer.began;
    for (int i = 0; i < 2; i++)
        if (transfer.fetch[i].wanted)
            SHA256End(&transfer.fetch[i].hash, transfer.fetch[i].text);
    return in_time;
}

static void end(void)
{
    for (int i = 0; i < 2; i++)
        if (transfer.server[i])
            http_server_free(transfer.server[i], host_of((enum scene_side)i), scene_now(&transfer.scene));
    scene_close(&transfer.scene);
    close(transfer.directory);
}

/* ---- what must have held ----------------------------------------------------------------------------------------- */

/* The last close runs on for a moment after the data have arrived. */
static bool all_closed(void *context)
{
    struct la_counters counters;
    (void)context;
    la_host_counters(transfer.scene.host, &counters);
    return counters.connections == 0 && counters.buffer_pieces == 0;
}

static void check_to_peer(struct demo *demo, const char *hash)
{
    char got[DEMO_HASH_TEXT] = "";
    if (demo->in_memory) {
        snprintf(got, sizeof got, "%s", transfer.fetch[SCENE_PEER].text);
        demo_check(demo, transfer.fetch[SCENE_PEER].client.status == 200, "it got the whole response: 200");
    } else {
        demo_file_hash(demo, "fetched", got);
        demo_check(demo, transfer.scene.stage.child_ended && transfer.scene.stage.child_status == 0,
                   "curl ended with status 0");
    }
    demo_check(demo, strcmp(got, hash) == 0, "what %s received has the SHA-256 of what lastack sent: %.12s...",
               demo_peer(demo), got);
}

static void check_from_peer(struct demo *demo, const char *hash)
{
    const struct fetch *fetch = &transfer.fetch[SCENE_LASTACK];
    demo_check(demo, fetch->client.complete && fetch->client.status == 200, "lastack got the whole response: 200%s%s",
               fetch->client.failure ? ": " : "", fetch->client.failure ? fetch->client.failure : "");
    demo_check(demo, strcmp(fetch->text, hash) == 0, "what lastack received has the SHA-256 of what was sent: %.12s...",
               fetch->text);
}

static void check_end(struct demo *demo)
{
    bool closed = scene_until(&transfer.scene, all_closed, 5000);
    demo_check(demo, closed, "afterwards lastack holds no connection and no buffer");
}

static void check_server_waits(struct demo *demo)
{
    struct la_counters counters;
    la_host_counters(transfer.scene.host, &counters);
    demo_check(demo,
               counters.time_wait_ipv4 + counters.time_wait_ipv6 == 1 &&
                   http_server_counts(transfer.server[0])->closed_first == 1,
               "the server closed first, so the one TIME-WAIT record is lastack's");
}

static void speed(struct demo *demo, uint64_t bytes)
{
    struct la_counters counters;
    la_host_counters(transfer.scene.host, &counters);
    unsigned long long segments = counters.counter[LA_COUNT_TCP_OUT_SEGMENTS],
                       again = counters.counter[LA_COUNT_TCP_RETRANSMITTED_SEGMENTS];
    demo_say(demo, "%s in %s: %s; lastack sent %llu segments, %llu of them again", human_bytes(bytes),
             human_time(transfer.took), human_rate(bytes, transfer.took), segments, again);
    demo_seen(demo, "%s in %s, %llu sent again", human_bytes(bytes), human_time(transfer.took), again);
}

/* ---- the parts --------------------------------------------------------------------------------------------------- */

void demo_part_a(struct demo *demo)
{
    if (demo_check(demo, carry(demo, "large", NULL, true, false), "the transfer came to its end")) {
        check_to_peer(demo, demo->large_hash);
        check_end(demo);
        check_server_waits(demo);
        speed(demo, DEMO_LARGE);
    }
    end();
}

void demo_part_b(struct demo *demo)
{
    if (demo_check(demo, carry(demo, "large", NULL, false, true), "the transfer came to its end")) {
        check_from_peer(demo, demo->large_hash);
        check_end(demo);
        speed(demo, DEMO_LARGE);
    }
    end();
}

void demo_part_c(struct demo *demo)
{
    static const char *const bad[][2] = {
        {"loss", "1%"}, {"delay", "5ms"}, {"reorder", "1%"}, {"seed", "7"}, {NULL, NULL}};
    if (demo_check(demo, carry(demo, "small", bad, true, true), "both transfers came to their end")) {
        struct la_counters counters;
        check_to_peer(demo, demo->small_hash);
        check_from_peer(demo, demo->small_hash);
        check_end(demo);
        la_host_counters(transfer.scene.host, &counters);
        demo_check(demo, counters.counter[LA_COUNT_TCP_RETRANSMITTED_SEGMENTS] > 0,
                   "the network did lose segments: lastack retransmitted");
        demo_check(demo, counters.counter[LA_COUNT_TCP_OUT_OF_ORDER] > 0,
                   "and reorder them: %llu segments came before their turn and were kept",
                   (unsigned long long)counters.counter[LA_COUNT_TCP_OUT_OF_ORDER]);
        speed(demo, 2 * (uint64_t)DEMO_SMALL);
    }
    end();
}
