#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>

#include "run_call_private.h"
#include "symbols.h"

/* Calls: made, waited for, and what they answer compared with what the script says. */

/* ---- descriptors ---- */

static struct descriptor *find_descriptor(const struct run *run, int script)
{
    for (struct descriptor *descriptor = run->descriptors; descriptor != NULL; descriptor = descriptor->next)
        if (descriptor->script == script && descriptor->is_open)
            return descriptor;
    return NULL;
}

struct descriptor *call_new_descriptor(struct run *run, int script, int live)
{
    struct descriptor *descriptor = arena_take(run->arena, sizeof *descriptor);
    *descriptor = (struct descriptor){.script = script, .live = live, .is_open = true, .next = run->descriptors};
    run->descriptors = descriptor;
    return descriptor;
}

/* The number that the socket layer knows it by. What no call answered is nobody's: -1, which is EBADF, if that is what
   the line is about. */
static bool live_descriptor(struct run *run, const struct attempt *attempt, const struct value *value, int *live)
{
    const struct descriptor *descriptor = find_descriptor(run, (int)value->integer);
    *live = descriptor != NULL ? descriptor->live : -1;
    bool is_wanted = descriptor != NULL || attempt->call->error == EBADF || value->integer < 0;
    return is_wanted ||
           run_error(run, value->place, "there is no descriptor %" PRId64 ": no call answered it, or it was closed",
                     value->integer);
}

/* ---- arguments ---- */

static const struct value *argument(const struct call *call, unsigned index)
{
    const struct value *value = call->arguments;
    while (value != NULL && index-- > 0)
        value = value->next;
    return value;
}

static bool writes(const struct call *call)
{
    enum call_number number = call->kind->number;
    return number >= CALL_WRITE && number <= CALL_SENDMSG;
}

static bool make_buffer(struct run *run, struct attempt *attempt, const struct value *value, size_t length)
{
    attempt->length = length;
    if (value->kind == VALUE_INTEGER)
        return true; /* NULL */
    if (!run_take_octets(run, value->place, length))
        return false;
    attempt->buffer = arena_take(run->arena, length + 1);
    uint32_t place = attempt->descriptor != NULL ? attempt->descriptor->write_place : 0;
    for (size_t i = 0; i < length && writes(attempt->call); i++)
        attempt->buffer[i] = packet_pattern(place + (uint32_t)i);
    return true;
}

/* One buffer, cut into the parts that the script says. */
static bool make_parts(struct run *run, struct attempt *attempt, const struct value *list)
{
    uint64_t length = 0;
    for (const struct value *item = list->items; item != NULL; item = item->next)
        length += (uint64_t)item->items->next->integer;
    if (!make_buffer(run, attempt, list, length))
        return false;
    attempt->parts = arena_take(run->arena, (list->count + 1) * sizeof *attempt->parts);
    attempt->part_count = (int)list->count;
    uint8_t *at = attempt->buffer;
    struct iovec *part = attempt->parts;
    for (const struct value *item = list->items; item != NULL; item = item->next, part++) {
        *part = (struct iovec){at, (size_t)item->items->next->integer};
        at += part->iov_len;
    }
    return true;
}

static void make_sockaddr(struct attempt *attempt, bool is_ipv6, const struct la_address *address, uint16_t port)
{
    memset(&attempt->address, 0, sizeof attempt->address);
    if (is_ipv6) {
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
        memcpy(&v6.sin6_addr, address->octets, 16);
        memcpy(&attempt->address, &v6, sizeof v6);
        attempt->address_length = sizeof v6;
    } else {
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
        memcpy(&v4.sin_addr, address->octets + 12, 4);
        memcpy(&attempt->address, &v4, sizeof v4);
        attempt->address_length = sizeof v4;
    }
}

/* "...": where the test's host is, for bind(); where its peer is, for connect() and sendto(). */
static void make_address(const struct run *run, struct attempt *attempt, const struct value *value)
{
    const struct settings *settings = run->settings;
    bool is_bind = attempt->call->kind->number == CALL_BIND;
    if (value->kind == VALUE_INTEGER) {
        memset(&attempt->address, 0, sizeof attempt->address);
        attempt->address.ss_family = (sa_family_t)value->integer;
        attempt->address_length = sizeof(struct sockaddr_in);
        return;
    }
    if (value->kind == VALUE_ANY) {
        make_sockaddr(attempt, settings->ip_version != IP_VERSION_4, is_bind ? &settings->local : &settings->remote,
                      is_bind ? settings->bind_port : settings->connect_port);
        return;
    }
    make_sockaddr(attempt, value_member(value, "sa_family")->integer == AF_INET6,
                  &value_member(value, "sin_addr")->address, (uint16_t)value_member(value, "sin_port")->integer);
}

static bool make_polls(struct run *run, struct attempt *attempt, const struct value *list)
{
    if (argument(attempt->call, 1)->integer != list->count)
        return run_error(run, list->place, "poll of %" PRId64 " descriptors, and a list of %u",
                         argument(attempt->call, 1)->integer, list->count);
    attempt->polls = arena_take(run->arena, (list->count + 1) * sizeof *attempt->polls);
    attempt->count = list->count;
    struct pollfd *poll = attempt->polls;
    for (const struct value *item = list->items; item != NULL; item = item->next, poll++) {
        if (!live_descriptor(run, attempt, value_member(item, "fd"), &poll->fd))
            return false;
        poll->events = (short)value_member(item, "events")->integer;
    }
    return true;
}

/* epoll's data: the script's descriptor stays the script's, since nobody but the script looks at it. */
static uint64_t event_data(const struct value *event)
{
    const struct value *data = value_member(event, "fd");
    if (data == NULL)
        data = value_member(event, "ptr");
    if (data == NULL)
        data = value_member(event, "u32");
    if (data == NULL)
        data = value_member(event, "u64");
    return data != NULL ? (uint64_t)data->integer : 0;
}

static void make_epoll_event(struct run *run, struct attempt *attempt, const struct value *event)
{
    attempt->events = arena_take(run->arena, sizeof *attempt->events);
    attempt->events->events = (uint32_t)value_member(event, "events")->integer;
    attempt->events->data.u64 = event_data(event);
}

static bool make_message(struct run *run, struct attempt *attempt, const struct value *value)
{
    if (!make_parts(run, attempt, value_member(value, "msg_iov")))
        return false;
    attempt->message = (struct msghdr){.msg_iov = attempt->parts, .msg_iovlen = (size_t)attempt->part_count};
    return true;
}

static void make_value(struct attempt *attempt, const struct value *value)
{
    const struct value *first = value->items;
    const struct value *second = first != NULL ? first->next : NULL;
    if (value->kind == VALUE_STRING) {
        memcpy(attempt->value, value->text,
               value->length < sizeof attempt->value ? value->length : sizeof attempt->value);
    } else if (value->kind == VALUE_STRUCT && value_member(value, "tv_sec") != NULL) {
        const int64_t time[2] = {value_member(value, "tv_sec")->integer, value_member(value, "tv_usec")->integer};
        memcpy(attempt->value, time, sizeof time);
    } else if (value->kind == VALUE_STRUCT) {
        const int32_t linger[2] = {(int32_t)value_member(value, "onoff")->integer,
                                   (int32_t)value_member(value, "linger")->integer};
        memcpy(attempt->value, linger, sizeof linger);
    } else if (first != NULL && second == NULL) {
        const int32_t number = (int32_t)first->integer;
        memcpy(attempt->value, &number, sizeof number);
    }
}

static bool make_argument(struct run *run, struct attempt *attempt, unsigned index, enum argument_kind kind)
{
    const struct value *value = argument(attempt->call, index);
    switch (kind) {
    case ARGUMENT_ANY: return true;
    case ARGUMENT_FD: {
        int live = -1;
        bool good = live_descriptor(run, attempt, value, &live);
        attempt->number[index] = live;
        if (index == 0) {
            attempt->fd = live;
            attempt->descriptor = find_descriptor(run, (int)value->integer);
        }
        return good;
    }
    case ARGUMENT_INTEGER: attempt->number[index] = value->integer; return true;
    case ARGUMENT_BUFFER: {
        int64_t length = argument(attempt->call, index + 1)->integer;
        return make_buffer(run, attempt, value, length > 0 ? (size_t)length : 0);
    }
    case ARGUMENT_ADDRESS: make_address(run, attempt, value); return true;
    case ARGUMENT_IOVEC: return make_parts(run, attempt, value);
    case ARGUMENT_MSGHDR: return make_message(run, attempt, value);
    case ARGUMENT_POLLFDS: return make_polls(run, attempt, value);
    case ARGUMENT_EPOLL_EVENT: make_epoll_event(run, attempt, value); return true;
    case ARGUMENT_EPOLL_EVENTS: return true; /* what comes back: room is made for it when the call is made */
    case ARGUMENT_VALUE: make_value(attempt, value); return true;
    case ARGUMENT_LENGTH:
        attempt->answer_length = (socklen_t)value->items->integer;
        attempt->answer = arena_take(run->arena, attempt->answer_length + 1);
        return true;
    case ARGUMENT_IOCTL:
        attempt->number[index] = value->kind == VALUE_LIST ? value->items->integer : value->integer;
        return true;
    }
    return false;
}

static bool make_arguments(struct run *run, struct attempt *attempt)
{
    const struct call *call = attempt->call;
    for (unsigned i = 0; i < call->count; i++) {
        bool is_family = call->kind->number == CALL_SOCKET && i == 0 && call->arguments->kind == VALUE_ANY;
        if (is_family)
            attempt->number[0] = run->settings->ip_version == IP_VERSION_4 ? AF_INET : AF_INET6;
        else if (!make_argument(run, attempt, i, call->kind->arguments[i]))
            return false;
    }
    if (call->kind->number == CALL_EPOLL_WAIT) {
        int64_t most = attempt->number[2];
        attempt->count = most > 0 && most <= 4096 ? (unsigned)most : 0;
        attempt->events = arena_take(run->arena, (attempt->count + 1) * sizeof *attempt->events);
    }
    return true;
}

/* ---- the answer ---- */

/* A descriptor as the script calls it. */
static ssize_t script_answer(const struct attempt *attempt, ssize_t answer)
{
    bool is_named = attempt->call->kind->answers_fd && answer >= 0 && attempt->call->result->integer >= 0;
    return is_named ? (ssize_t)attempt->call->result->integer : answer;
}

static void write_answer(struct run *run, const struct attempt *attempt, ssize_t answer)
{
    char time[32];
    if (!run->options->verbose)
        return;
    const char *name = answer < 0 ? errno_name((int)-answer) : NULL;
    fprintf(run->log, "%s call %s = %zd%s%s\n", run_time_text(run_script_time(run, run->now), time),
            attempt->call->text, answer < 0 ? (ssize_t)-1 : answer, name != NULL ? " " : "", name != NULL ? name : "");
}

static const char *answer_text(ssize_t answer, char text[64])
{
    const char *name = answer < 0 ? errno_name((int)-answer) : NULL;
    if (answer >= 0)
        snprintf(text, 64, "%zd", answer);
    else if (name != NULL)
        snprintf(text, 64, "-1 %s", name);
    else
        snprintf(text, 64, "-1 errno %zd", -answer);
    return text;
}

static bool check_answer(struct run *run, const struct attempt *attempt, ssize_t answer)
{
    const struct call *call = attempt->call;
    int64_t expected = call->result->integer;
    bool is_number = call->kind->answers_fd && expected >= 0 ? answer >= 0 : (answer < 0 ? -1 : answer) == expected;
    bool is_error = call->error == 0 || answer == -call->error;
    char text[64];
    if (is_number && is_error)
        return true;
    return run_fail(run, attempt->event->place, "%s answered %s, not %" PRId64 "%s%s", call->text,
                    answer_text(answer, text), expected, call->error != 0 ? " " : "",
                    call->error != 0 ? call->error_name : "");
}

/* What was read are the stream's next octets. */
static bool check_text(struct run *run, struct attempt *attempt, ssize_t answer)
{
    struct descriptor *descriptor = attempt->descriptor;
    int64_t flags = attempt->call->kind->number == CALL_RECVMSG ? attempt->number[2] : attempt->number[3];
    bool is_wild = attempt->buffer == NULL || (flags & (MSG_OOB | MSG_TRUNC | MSG_ERRQUEUE)) != 0;
    if (descriptor == NULL || answer <= 0 || (flags & MSG_OOB) != 0)
        return true;
    if (descriptor->flow != NULL && descriptor->flow->had_urgent)
        is_wild = true;
    for (ssize_t i = 0; i < answer && !is_wild && (size_t)i < attempt->length; i++)
        if (attempt->buffer[i] != packet_pattern(descriptor->read_place + (uint32_t)i))
            return run_fail(run, attempt->event->place, "%s: octet %zd is not the one that was sent",
                            attempt->call->text, i);
    if ((flags & MSG_PEEK) == 0)
        descriptor->read_place += (uint32_t)answer;
    return true;
}

static bool check_written(struct attempt *attempt, ssize_t answer)
{
    struct descriptor *descriptor = attempt->descriptor;
    int64_t flags = attempt->call->kind->number == CALL_SENDMSG ? attempt->number[2] : attempt->number[3];
    if (descriptor == NULL || answer <= 0)
        return true;
    descriptor->write_place += (uint32_t)answer;
    descriptor->has_wild_text = descriptor->has_wild_text || (flags & MSG_OOB) != 0;
    return true;
}

static bool check_revents(struct run *run, const struct attempt *attempt, const struct value *item, unsigned got)
{
    const struct value *revents = value_member(item, "revents");
    unsigned wanted = revents != NULL ? (unsigned)revents->integer : 0;
    char expected[128];
    char actual[128];
    return wanted == got ||
           run_fail(run, attempt->event->place, "poll: revents of descriptor %" PRId64 " is %s, not %s",
                    value_member(item, "fd")->integer, poll_mask_text(got, "POLL", actual, sizeof actual),
                    poll_mask_text(wanted, "POLL", expected, sizeof expected));
}

static bool check_polls(struct run *run, const struct attempt *attempt)
{
    const struct value *item = argument(attempt->call, 0)->items;
    for (unsigned i = 0; i < attempt->count; i++, item = item->next)
        if (!check_revents(run, attempt, item, (unsigned short)attempt->polls[i].revents))
            return false;
    return true;
}

static bool check_epoll_mask(struct run *run, const struct attempt *attempt, uint32_t wanted, uint32_t got)
{
    char expected[128];
    char actual[128];
    return wanted == got || run_fail(run, attempt->event->place, "epoll_wait: events is %s, not %s",
                                     poll_mask_text(got, "EPOLL", actual, sizeof actual),
                                     poll_mask_text(wanted, "EPOLL", expected, sizeof expected));
}

static bool check_epoll_event(struct run *run, const struct attempt *attempt, const struct value *event,
                              const struct epoll_event *got)
{
    if (!check_epoll_mask(run, attempt, (uint32_t)value_member(event, "events")->integer, got->events))
        return false;
    return event_data(event) == got->data.u64 ||
           run_fail(run, attempt->event->place, "epoll_wait: the data is %" PRIu64 ", not %" PRIu64, got->data.u64,
                    event_data(event));
}

/* A single event is the first; an event that says events=0 is none. */
static bool check_epoll_events(struct run *run, const struct attempt *attempt, ssize_t answer)
{
    const struct value *value = argument(attempt->call, 1);
    const struct value *item = value->kind == VALUE_LIST ? value->items : value;
    const struct value *end = value->kind == VALUE_LIST ? NULL : value->next;
    if (answer <= 0 && value->kind != VALUE_LIST)
        return check_epoll_mask(run, attempt, (uint32_t)value_member(value, "events")->integer, 0);
    if (value->kind == VALUE_LIST && value->count != (unsigned)(answer < 0 ? 0 : answer))
        return run_fail(run, attempt->event->place, "epoll_wait answered %zd events, not %u", answer, value->count);
    for (ssize_t i = 0; i < answer && item != end; i++, item = item->next)
        if (!check_epoll_event(run, attempt, item, &attempt->events[i]))
            return false;
    return true;
}

static bool check_option_text(struct run *run, const struct attempt *attempt, const struct value *value)
{
    bool is_same = attempt->answer_length == value->length && memcmp(attempt->answer, value->text, value->length) == 0;
    return is_same || run_fail(run, attempt->event->place, "getsockopt: the value is \"%.*s\", not \"%s\"",
                               (int)attempt->answer_length, (const char *)attempt->answer, value->text);
}

static bool check_option(struct run *run, const struct attempt *attempt)
{
    const struct value *value = argument(attempt->call, 3);
    const struct value *length = argument(attempt->call, 4);
    if (attempt->answer_length != (socklen_t)length->items->integer)
        return run_fail(run, attempt->event->place, "getsockopt: the length is %u, not %" PRId64,
                        attempt->answer_length, length->items->integer);
    if (value->kind == VALUE_STRING)
        return check_option_text(run, attempt, value);
    size_t size = value->kind == VALUE_LIST ? 4 : value_member(value, "tv_sec") != NULL ? 16 : 8;
    if (attempt->answer_length < size)
        size = attempt->answer_length;
    if (memcmp(attempt->answer, attempt->value, size) == 0)
        return true;
    int32_t expected[2];
    int32_t actual[2] = {0};
    memcpy(expected, attempt->value, sizeof expected);
    memcpy(actual, attempt->answer, size < sizeof actual ? size : sizeof actual);
    if (value->kind == VALUE_LIST)
        return run_fail(run, attempt->event->place, "getsockopt: the value is %d, not %d", actual[0], expected[0]);
    return run_fail(run, attempt->event->place, "getsockopt: the value begins with %d, %d, not %d, %d", actual[0],
                    actual[1], expected[0], expected[1]);
}

static bool check_ioctl(struct run *run, const struct attempt *attempt)
{
    const struct value *value = argument(attempt->call, 2);
    int32_t answer;
    memcpy(&answer, attempt->value, sizeof answer);
    if (attempt->number[1] == FIONBIO_REQUEST || answer == value->items->integer)
        return true;
    return run_fail(run, attempt->event->place, "ioctl: the value is %d, not %" PRId64, answer, value->items->integer);
}

static bool check_message(struct run *run, const struct attempt *attempt)
{
    int64_t expected = value_member(argument(attempt->call, 1), "msg_flags")->integer;
    return attempt->message.msg_flags == (int)expected ||
           run_fail(run, attempt->event->place, "recvmsg: msg_flags is 0x%x, not 0x%x",
                    (unsigned)attempt->message.msg_flags, (unsigned)expected);
}

/* What else a call that did what it should says, and what it changes for the script. */
static bool check_outcome(struct run *run, struct attempt *attempt, ssize_t answer)
{
    const struct call *call = attempt->call;
    switch (call->kind->number) {
    case CALL_SOCKET: call_made_socket(run, attempt, answer); return true;
    case CALL_ACCEPT:
    case CALL_ACCEPT4: return call_accepted(run, attempt, answer);
    case CALL_EPOLL_CREATE:
    case CALL_EPOLL_CREATE1:
    case CALL_DUP: return call_made_descriptor(run, attempt, answer);
    case CALL_CLOSE:
        if (attempt->descriptor != NULL)
            attempt->descriptor->is_open = false;
        return true;
    case CALL_READ:
    case CALL_READV:
    case CALL_RECV:
    case CALL_RECVFROM: return check_text(run, attempt, answer);
    case CALL_RECVMSG: return check_text(run, attempt, answer) && (answer < 0 || check_message(run, attempt));
    case CALL_WRITE:
    case CALL_WRITEV:
    case CALL_SEND:
    case CALL_SENDTO:
    case CALL_SENDMSG: return check_written(attempt, answer);
    case CALL_GETSOCKOPT: return answer < 0 || check_option(run, attempt);
    case CALL_IOCTL: return answer < 0 || argument(call, 2)->kind != VALUE_LIST || check_ioctl(run, attempt);
    case CALL_POLL: return check_polls(run, attempt);
    case CALL_EPOLL_WAIT: return check_epoll_events(run, attempt, answer);
    case CALL_BIND:
    case CALL_LISTEN:
    case CALL_CONNECT:
    case CALL_FCNTL:
    case CALL_SHUTDOWN:
    case CALL_SETSOCKOPT:
    case CALL_EPOLL_CTL: return true;
    }
    return false;
}

static bool finish(struct run *run, struct attempt *attempt, ssize_t answer)
{
    char text[64];
    ssize_t shown = script_answer(attempt, answer);
    write_answer(run, attempt, shown);
    run_note(run, arena_format(run->arena, "%s = %s", attempt->call->text, answer_text(shown, text)));
    return check_answer(run, attempt, answer) && check_outcome(run, attempt, answer);
}

/* ---- calls that wait ---- */

bool run_continue_call(struct run *run)
{
    struct attempt *attempt = &run->pending;
    ssize_t answer = call_make(run, attempt);
    if (answer == SOCKET_BLOCKED)
        return true;
    attempt->is_pending = false;
    int64_t actual = run_script_time(run, run->now);
    if (!finish(run, attempt, answer))
        return false;
    if (run_is_timely(run, attempt->end_ns, attempt->end_ns, attempt->begin_ns, actual))
        return true;
    char at[32];
    char wanted[32];
    return run_fail(run, attempt->event->place, "%s answered at %s, not at %s", attempt->call->text,
                    run_time_text(actual, at), run_time_text(attempt->end_ns, wanted));
}

static bool wait_for_answer(struct run *run, struct attempt *attempt, int64_t end_ns)
{
    if (!attempt->call->blocks) {
        sockets_interrupt(run->sockets, run->now, &attempt->state);
        return run_fail(run, attempt->event->place,
                        "%s does not answer at once; a call that waits says until when: +0...0.1 %s(...)",
                        attempt->call->text, attempt->call->name);
    }
    attempt->is_pending = true;
    attempt->end_ns = end_ns;
    attempt->begin_ns = run_script_time(run, run->now);
    run->pending = *attempt;
    /* What points into the struct points into the copy. */
    if (attempt->message.msg_name != NULL)
        run->pending.message.msg_name = &run->pending.address;
    return true;
}

bool run_call(struct run *run, const struct event *event, int64_t begin_ns, int64_t end_ns)
{
    struct attempt attempt = {.event = event, .call = event->call, .fd = -1};
    if (!run_until(run, begin_ns))
        return false;
    if (run->pending.is_pending && event->call->blocks)
        return run_error(run, event->place, "%s of line %u still waits: only one call can wait at a time",
                         run->pending.call->name, run->pending.event->place.line);
    if (!make_arguments(run, &attempt) || !call_begins(run, &attempt))
        return false;
    ssize_t answer = call_make(run, &attempt);
    bool good = answer == SOCKET_BLOCKED ? wait_for_answer(run, &attempt, end_ns) : finish(run, &attempt, answer);
    if (good && answer != SOCKET_BLOCKED && event->call->blocks &&
        !run_is_timely(run, end_ns, end_ns, begin_ns, run_script_time(run, run->now))) {
        char wanted[32];
        return run_fail(run, event->place, "%s answered at once, not at %s", event->call->text,
                        run_time_text(end_ns, wanted));
    }
    return good && run_settle(run);
}
