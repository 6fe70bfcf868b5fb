#include "demo_scene.h"

#include "cmd.h"

#include "link/packet.h"
#include "link/sockdiag.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TICK_MS = 1, TRACE_RECORDS = 8192 };

struct la_address scene_address(const struct demo *demo, enum scene_side side)
{
    uint8_t number = side == SCENE_LASTACK ? 2 : 1;
    const struct la_address ipv6 = {{0xfd, 0, 0, 0x83, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number}};
    return demo->ipv6 ? ipv6 : la_address_ipv4(10, 83, 0, number);
}

static unsigned prefix_length(const struct demo *demo)
{
    return demo->ipv6 ? 64 : 24;
}

void scene_host_text(const struct demo *demo, enum scene_side side, char text[SCENE_HOST_BYTES])
{
    struct la_address address = scene_address(demo, side);
    char plain[LA_ADDRESS_TEXT_BYTES];
    la_address_text(&address, plain);
    snprintf(text, SCENE_HOST_BYTES, demo->ipv6 ? "[%s]" : "%s", plain);
}

la_time scene_now(const struct scene *scene)
{
    return scene->memory ? scene->now : loop_now(&scene->stage.loop);
}

void scene_note(struct scene *scene, enum scene_side side, const char *text)
{
    if (scene->ladder)
        ladder_note(scene->ladder, scene_now(scene), side == SCENE_LASTACK ? LADDER_LEFT : LADDER_RIGHT, text);
}

/* ---- the journal ------------------------------------------------------------------------------------------------- */

static void journal_add(struct journal *journal, const struct la_trace *record, bool lost)
{
    bool ours = record->local.port == journal->port; /* not a straggler from an earlier part */
    if (!ours || journal->count == JOURNAL_RECORDS)
        return;
    journal->lost[journal->count] = lost;
    journal->record[journal->count++] = *record;
}

/* A lost packet stands in it twice: as the host's own record, if it has one, and as what the network lost. */
static void journal_packet(void *context, la_time time, bool outgoing, const void *bytes, size_t length,
                           const char *fate, const struct la_trace *records, size_t count)
{
    struct journal *journal = context;
    struct packet_view view;
    struct la_trace packet;
    bool lost = fate && strncmp(fate, "lost", 4) == 0;
    for (size_t i = 0; i < count && (outgoing || !lost); i++)
        journal_add(journal, &records[i], false);
    if (!lost || !packet_look(bytes, length, &view))
        return;
    packet_trace(&view, time, outgoing, &packet);
    journal_add(journal, &packet, true);
}

unsigned journal_segments(const struct journal *journal, enum la_trace_kind kind, uint8_t flags, bool lost)
{
    unsigned count = 0;
    for (size_t i = 0; i < journal->count; i++)
        count +=
            journal->record[i].kind == kind && (journal->record[i].flags & flags) == flags && journal->lost[i] == lost;
    return count;
}

unsigned journal_waits(const struct journal *journal, enum la_wait_event event)
{
    unsigned count = 0;
    for (size_t i = 0; i < journal->count; i++)
        count += journal->record[i].kind == LA_TRACE_TIME_WAIT && journal->record[i].detail == event;
    return count;
}

const struct la_trace *journal_wait(const struct journal *journal, enum la_wait_event event)
{
    for (size_t i = journal->count; i-- > 0;)
        if (journal->record[i].kind == LA_TRACE_TIME_WAIT && journal->record[i].detail == event)
            return &journal->record[i];
    return NULL;
}

/* ---- the kernel's state, on the right rail ----------------------------------------------------------------------- */

/* States that the kernel enters by its own will: the segment that says so is about to come. */
static bool announced(enum la_state state)
{
    return state == LA_SYN_SENT || state == LA_FIN_WAIT_1 || state == LA_LAST_ACK;
}

/* Asked whenever a packet has passed, and every tick: the kernel says nothing of itself. */
static void look_at_kernel(struct scene *scene, bool at_packet)
{
    struct sockdiag_socket socket;
    struct link_error error;
    if (!scene->diag)
        return;
    int found = sockdiag_find(scene->diag, &scene->there, &scene->here, &socket, &error);
    enum la_state state = found > 0 ? socket.state : LA_CLOSED;
    if (found < 0 || state == scene->peer_state || (!at_packet && announced(state)))
        return;
    scene->peer_state = state;
    if (scene->ladder)
        ladder_peer_state(scene->ladder, scene_now(scene), &scene->here, &scene->there, la_state_name(state));
}

static void kernel_packet(void *context, la_time time, bool outgoing, const void *bytes, size_t length,
                          const char *fate, const struct la_trace *records, size_t count)
{
    (void)time;
    (void)outgoing;
    (void)bytes;
    (void)length;
    (void)fate;
    (void)records;
    (void)count;
    look_at_kernel(context, true);
}

/* ---- going on ---------------------------------------------------------------------------------------------------- */

static bool on_event(void *context, const struct la_event *event)
{
    struct scene *scene = context;
    if (scene->on_event)
        scene->on_event(scene->context, SCENE_LASTACK, event);
    return true;
}

static void tick(void *context)
{
    struct scene *scene = context;
    struct loop *loop = &scene->stage.loop;
    look_at_kernel(scene, false);
    scene->held = scene->holds(scene->context);
    if (scene->held || scene->stage.signals || loop_now(loop) >= scene->deadline)
        loop_stop(loop);
    else
        loop_at(loop, loop_now(loop) + TICK_MS * LA_MILLISECOND, tick, scene);
}

static bool on_memory_event(void *context, la_time now, int end, const struct la_event *event)
{
    struct scene *scene = context;
    scene->now = now;
    if (scene->on_event)
        scene->on_event(scene->context, end == 0 ? SCENE_LASTACK : SCENE_PEER, event);
    return true;
}

static bool memory_until(struct scene *scene, unsigned milliseconds)
{
    la_time now = scene->now, end = now + milliseconds * LA_MILLISECOND;
    memory_pump(scene->memory, now);
    while (!scene->holds(scene->context)) {
        if (now >= end)
            return false;
        memory_run(scene->memory, &now, now + TICK_MS * LA_MILLISECOND, on_memory_event, scene);
        scene->now = now;
    }
    return true;
}

bool scene_until(struct scene *scene, bool (*holds)(void *context), unsigned milliseconds)
{
    scene->holds = holds;
    scene->held = false;
    if (scene->demo->interrupted)
        return false;
    if (scene->memory)
        return memory_until(scene, milliseconds);
    scene->deadline = loop_now(&scene->stage.loop) + milliseconds * LA_MILLISECOND;
    loop_at(&scene->stage.loop, loop_now(&scene->stage.loop), tick, scene);
    stage_run(&scene->stage, on_event, scene);
    scene->demo->interrupted = scene->demo->interrupted || scene->stage.signals;
    return scene->held;
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static struct la_config scene_config(const struct scene_setup *setup)
{
    struct la_config config;
    la_config_default(&config);
    config.receive_buffer_bytes = 4 << 20;
    config.send_buffer_bytes = 1 << 20;
    config.connections = 256;
    config.msl_ms = setup->msl_ms;
    config.time_wait_rtos = 0; /* exactly 2 MSL, which are short here so that one can watch them */
    config.trace_records = setup->ladder ? TRACE_RECORDS : 0;
    return config;
}

static int open_kernel(struct scene *scene, const struct scene_setup *setup)
{
    struct la_config config = scene_config(setup);
    scene->options.impair = scene->impair;
    scene->options.msl_ms = setup->msl_ms;
    if (stage_open(&scene->stage, "demo", &scene->options, &config) < 0)
        return -1;
    scene->host = scene->stage.host;
    scene->stage.not_alone = true; /* nginx */
    if (!setup->ladder)
        return 0;
    scene->diag = sockdiag_open(&scene->stage.error);
    if (!scene->diag)
        return complain("demo", "%s", scene->stage.error.text);
    /* The kernel's state after the segment, so that it stands beside it. */
    loop_tap(&scene->stage.loop, watch_tap(&scene->watch[SCENE_LASTACK]));
    loop_tap(&scene->stage.loop, (struct tap){scene, kernel_packet});
    loop_tap(&scene->stage.loop, (struct tap){&scene->journal, journal_packet});
    return 0;
}

/* Both watchers of lastack's side in one tap, for a memory link takes one an end. */
static void memory_packet(void *context, la_time time, bool outgoing, const void *bytes, size_t length,
                          const char *fate, const struct la_trace *records, size_t count)
{
    struct scene *scene = context;
    watch_packet(&scene->watch[SCENE_LASTACK], time, outgoing, bytes, length, fate, records, count);
    journal_packet(&scene->journal, time, outgoing, bytes, length, fate, records, count);
}

static la_host *join(struct scene *scene, const struct scene_setup *setup, enum scene_side side)
{
    struct link_error error;
    struct la_config config = scene_config(setup);
    struct la_address address = scene_address(scene->demo, side);
    struct tap left = {scene, memory_packet}, right = watch_tap(&scene->watch[SCENE_PEER]);
    memset(config.key, 'k' + (int)side, sizeof config.key); /* the same story each time */
    la_host *host = stage_host("demo", &config, scene->now);
    int interface = host ? la_interface_add(host, scene->now, 1500) : -1;
    if (interface < 0 ||
        la_address_add(host, scene->now, (unsigned)interface, &address, prefix_length(scene->demo)) < 0 ||
        memory_join(scene->memory, host, (unsigned)interface, &address,
                    !setup->ladder          ? NULL
                    : side == SCENE_LASTACK ? &left
                                            : &right,
                    &error) < 0) {
        complain("demo", "the hosts could not be joined");
        stage_host_free(host);
        return NULL;
    }
    return host;
}

static int open_memory(struct scene *scene, const struct scene_setup *setup)
{
    struct link_error error;
    scene->now = LA_SECOND;
    scene->memory = memory_new(&scene->impair, &error);
    if (!scene->memory)
        return complain("demo", "%s", error.text);
    scene->host = join(scene, setup, SCENE_LASTACK);
    scene->peer = scene->host ? join(scene, setup, SCENE_PEER) : NULL;
    return scene->peer ? 0 : -1;
}

static int open_impairment(struct scene *scene, const struct scene_setup *setup)
{
    struct link_error error;
    for (size_t i = 0; setup->impair && setup->impair[i][0]; i++)
        if (impair_option(&scene->impair, setup->impair[i][0], setup->impair[i][1], &error) < 0)
            return complain("demo", "%s", error.text);
    return 0;
}

int scene_open(struct scene *scene, struct demo *demo, const struct scene_setup *setup)
{
    memset(scene, 0, sizeof *scene);
    scene->demo = demo;
    scene->stage.tun.fd = scene->stage.child_fd = scene->stage.signal_fd = -1;
    network_options_init(&scene->options, scene->groups);
    scene->options.address = (struct option_prefix){scene_address(demo, SCENE_LASTACK), prefix_length(demo)};
    network_options_complete(&scene->options);
    scene->peer_state = LA_CLOSED;
    scene->here.address = scene_address(demo, SCENE_LASTACK);
    scene->there = (struct la_endpoint){scene_address(demo, SCENE_PEER), 0};
    if (setup->ladder) {
        struct ladder_options look = {.ascii = demo->ascii, .colour = demo->colour, .width = 110};
        look.local.port = scene->journal.port = setup->port;
        look.right = demo->in_memory ? "other lastack" : "kernel";
        scene->ladder = ladder_new(stdout, &look);
        scene->watch[SCENE_LASTACK] = (struct watch){.ladder = scene->ladder};
        scene->watch[SCENE_PEER] = (struct watch){.ladder = scene->ladder, .side = LADDER_RIGHT};
    }
    if (open_impairment(scene, setup) < 0)
        return -1;
    return demo->in_memory ? open_memory(scene, setup) : open_kernel(scene, setup);
}

void scene_close(struct scene *scene)
{
    if (scene->ladder)
        ladder_free(scene->ladder);
    scene->ladder = NULL;
    if (scene->diag)
        sockdiag_close(scene->diag);
    if (!scene->memory) {
        stage_close(&scene->stage);
        return;
    }
    memory_free(scene->memory);
    stage_host_free(scene->host);
    stage_host_free(scene->peer);
}
