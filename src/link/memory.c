#include "memory.h"

#include "taps.h"

#include <stdlib.h>
#include <string.h>

enum {
    PACKET_BYTES = 65536,
    PACKETS_A_PUMP = 100000 /* two hosts that answer each other for ever must not hang the caller */
};

struct memory_end {
    la_host *host;
    unsigned interface;
    struct la_address address;
    struct tap tap;
    bool tapped;
};

struct memory {
    struct impair *impair;
    struct memory_end end[MEMORY_ENDS];
    int count;
    struct la_trace records[TAPS_RECORDS];
    uint8_t packet[PACKET_BYTES];
};

struct memory *memory_new(const struct impair_config *config, struct link_error *error)
{
    static const struct impair_config perfect;
    struct memory *memory = calloc(1, sizeof *memory);
    if (memory == NULL) {
        link_fail(error, "the network in memory: out of memory");
        return NULL;
    }
    memory->impair = impair_new(config != NULL ? config : &perfect, error);
    if (memory->impair == NULL) {
        memory_free(memory);
        return NULL;
    }
    return memory;
}

void memory_free(struct memory *memory)
{
    if (memory == NULL)
        return;
    impair_free(memory->impair);
    free(memory);
}

int memory_join(struct memory *memory, la_host *host, unsigned interface, const struct la_address *address,
                const struct tap *tap, struct link_error *error)
{
    if (memory->count == MEMORY_ENDS)
        return link_fail(error, "the network in memory joins at most %d hosts", MEMORY_ENDS);
    struct memory_end *end = &memory->end[memory->count];
    *end = (struct memory_end){.host = host, .interface = interface, .address = *address};
    if (tap != NULL) {
        end->tap = *tap;
        end->tapped = true;
    }
    return memory->count++;
}

static void tell(struct memory *memory, int number, const struct passage *passage)
{
    struct memory_end *end = &memory->end[number];
    taps_tell(end->host, &end->tap, end->tapped ? 1 : 0, memory->records, passage);
}

static void tell_records(struct memory *memory, int number, la_time now)
{
    struct passage none = {.time = now};
    tell(memory, number, &none);
}

/* The end with the packet's destination; -1 if there is none, or this is no IP packet. */
static int destination(const struct memory *memory, const uint8_t *packet, size_t length)
{
    struct la_address address = {{0}};
    if (length >= 20 && packet[0] >> 4 == 4) {
        address.octets[10] = address.octets[11] = 0xff;
        memcpy(address.octets + 12, packet + 16, 4);
    } else if (length >= 40 && packet[0] >> 4 == 6) {
        memcpy(address.octets, packet + 24, 16);
    } else {
        return -1;
    }
    for (int i = 0; i < memory->count; i++) {
        if (memcmp(&memory->end[i].address, &address, sizeof address) == 0)
            return i;
    }
    return -1;
}

static void carry(struct memory *memory, la_time now, int from, size_t length)
{
    int to = destination(memory, memory->packet, length);
    struct fate fate = {.lost = true, .rule = "no such host"};
    if (to >= 0)
        fate = impair_submit(memory->impair, now, from < to ? LINK_OUT : LINK_IN, memory->packet, length, (uint32_t)to);
    struct passage out = {now, true, memory->packet, length, &fate, 0};
    tell(memory, from, &out);
    /* Where the sender has a watcher the loss has been shown; elsewhere the receiver's shows what did not come. */
    struct passage in = {now, false, memory->packet, length, &fate, 0};
    if (to >= 0 && fate.lost && !memory->end[from].tapped)
        taps_tell_lost(&memory->end[to].tap, memory->end[to].tapped ? 1 : 0, &in);
}

/* How many packets were pulled. */
static int pull(struct memory *memory, la_time now, int number)
{
    struct memory_end *end = &memory->end[number];
    int packets = 0;
    size_t length = 0;
    if (la_host_deadline(end->host) <= now)
        la_host_advance(end->host, now);
    while ((length = la_host_output(end->host, now, end->interface, memory->packet, sizeof memory->packet)) > 0) {
        carry(memory, now, number, length);
        packets++;
    }
    tell_records(memory, number, now);
    return packets;
}

/* Delivers one packet of the direction that is due, and pulls what it is answered with. */
static bool deliver(struct memory *memory, la_time now, enum link_direction direction)
{
    struct impair_delivery delivery;
    if (!impair_take(memory->impair, now, direction, &delivery))
        return false;
    int to = (int)delivery.tag;
    struct memory_end *end = &memory->end[to];
    la_host_input(end->host, now, end->interface, delivery.bytes, delivery.length);
    struct passage in = {now, false, delivery.bytes, delivery.length, &delivery.fate, 0};
    tell(memory, to, &in);
    pull(memory, now, to);
    return true;
}

void memory_pump(struct memory *memory, la_time now)
{
    int packets = 0;
    bool busy = true;
    while (busy && packets < PACKETS_A_PUMP) {
        busy = false;
        for (int i = 0; i < memory->count; i++)
            busy = pull(memory, now, i) > 0 || busy;
        for (int direction = LINK_IN; direction <= LINK_OUT; direction++) {
            while (packets < PACKETS_A_PUMP && deliver(memory, now, (enum link_direction)direction)) {
                packets++;
                busy = true;
            }
        }
    }
}

la_time memory_deadline(const struct memory *memory)
{
    la_time in = impair_deadline(memory->impair, LINK_IN);
    la_time out = impair_deadline(memory->impair, LINK_OUT);
    la_time when = in < out ? in : out;
    for (int i = 0; i < memory->count; i++) {
        la_time host = la_host_deadline(memory->end[i].host);
        when = host < when ? host : when;
    }
    return when;
}

bool memory_event(struct memory *memory, int *end, struct la_event *event)
{
    for (int i = 0; i < memory->count; i++) {
        if (la_host_event(memory->end[i].host, event)) {
            *end = i;
            return true;
        }
    }
    return false;
}

/* True if the run goes on. */
static bool tell_events(struct memory *memory, la_time now,
                        bool (*on_event)(void *context, la_time now, int end, const struct la_event *event),
                        void *context)
{
    struct la_event event;
    int end = 0;
    while (on_event != NULL && memory_event(memory, &end, &event)) {
        bool on = on_event(context, now, end, &event);
        memory_pump(memory, now);
        if (!on)
            return false;
    }
    return true;
}

void memory_run(struct memory *memory, la_time *now, la_time until,
                bool (*on_event)(void *context, la_time now, int end, const struct la_event *event), void *context)
{
    for (;;) {
        memory_pump(memory, *now);
        if (!tell_events(memory, *now, on_event, context))
            return;
        la_time next = memory_deadline(memory);
        if (next > until || next == LA_TIME_NEVER) {
            if (until != LA_TIME_NEVER && until > *now)
                *now = until;
            return;
        }
        if (next > *now)
            *now = next;
    }
}
