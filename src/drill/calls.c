#include "calls.h"

#include <string.h>

static const struct call_kind kinds[] = {
    {"socket", CALL_SOCKET, true, 3, 3, {ARGUMENT_INTEGER, ARGUMENT_INTEGER, ARGUMENT_INTEGER}},
    {"bind", CALL_BIND, false, 3, 3, {ARGUMENT_FD, ARGUMENT_ADDRESS, ARGUMENT_ANY}},
    {"listen", CALL_LISTEN, false, 2, 2, {ARGUMENT_FD, ARGUMENT_INTEGER}},
    {"accept", CALL_ACCEPT, true, 3, 3, {ARGUMENT_FD, ARGUMENT_ANY, ARGUMENT_ANY}},
    {"accept4", CALL_ACCEPT4, true, 4, 4, {ARGUMENT_FD, ARGUMENT_ANY, ARGUMENT_ANY, ARGUMENT_INTEGER}},
    {"connect", CALL_CONNECT, false, 3, 3, {ARGUMENT_FD, ARGUMENT_ADDRESS, ARGUMENT_ANY}},
    {"read", CALL_READ, false, 3, 3, {ARGUMENT_FD, ARGUMENT_BUFFER, ARGUMENT_INTEGER}},
    {"readv", CALL_READV, false, 3, 3, {ARGUMENT_FD, ARGUMENT_IOVEC, ARGUMENT_INTEGER}},
    {"recv", CALL_RECV, false, 4, 4, {ARGUMENT_FD, ARGUMENT_BUFFER, ARGUMENT_INTEGER, ARGUMENT_INTEGER}},
    {"recvfrom",
     CALL_RECVFROM,
     false,
     6,
     6,
     {ARGUMENT_FD, ARGUMENT_BUFFER, ARGUMENT_INTEGER, ARGUMENT_INTEGER, ARGUMENT_ANY, ARGUMENT_ANY}},
    {"recvmsg", CALL_RECVMSG, false, 3, 3, {ARGUMENT_FD, ARGUMENT_MSGHDR, ARGUMENT_INTEGER}},
    {"write", CALL_WRITE, false, 3, 3, {ARGUMENT_FD, ARGUMENT_BUFFER, ARGUMENT_INTEGER}},
    {"writev", CALL_WRITEV, false, 3, 3, {ARGUMENT_FD, ARGUMENT_IOVEC, ARGUMENT_INTEGER}},
    {"send", CALL_SEND, false, 4, 4, {ARGUMENT_FD, ARGUMENT_BUFFER, ARGUMENT_INTEGER, ARGUMENT_INTEGER}},
    {"sendto",
     CALL_SENDTO,
     false,
     6,
     6,
     {ARGUMENT_FD, ARGUMENT_BUFFER, ARGUMENT_INTEGER, ARGUMENT_INTEGER, ARGUMENT_ADDRESS, ARGUMENT_ANY}},
    {"sendmsg", CALL_SENDMSG, false, 3, 3, {ARGUMENT_FD, ARGUMENT_MSGHDR, ARGUMENT_INTEGER}},
    {"fcntl", CALL_FCNTL, false, 2, 3, {ARGUMENT_FD, ARGUMENT_INTEGER, ARGUMENT_INTEGER}},
    {"ioctl", CALL_IOCTL, false, 3, 3, {ARGUMENT_FD, ARGUMENT_INTEGER, ARGUMENT_IOCTL}},
    {"close", CALL_CLOSE, false, 1, 1, {ARGUMENT_FD}},
    {"shutdown", CALL_SHUTDOWN, false, 2, 2, {ARGUMENT_FD, ARGUMENT_INTEGER}},
    {"getsockopt",
     CALL_GETSOCKOPT,
     false,
     5,
     5,
     {ARGUMENT_FD, ARGUMENT_INTEGER, ARGUMENT_INTEGER, ARGUMENT_VALUE, ARGUMENT_LENGTH}},
    {"setsockopt",
     CALL_SETSOCKOPT,
     false,
     5,
     5,
     {ARGUMENT_FD, ARGUMENT_INTEGER, ARGUMENT_INTEGER, ARGUMENT_VALUE, ARGUMENT_INTEGER}},
    {"poll", CALL_POLL, false, 3, 3, {ARGUMENT_POLLFDS, ARGUMENT_INTEGER, ARGUMENT_INTEGER}},
    {"epoll_create", CALL_EPOLL_CREATE, true, 1, 1, {ARGUMENT_INTEGER}},
    {"epoll_create1", CALL_EPOLL_CREATE1, true, 1, 1, {ARGUMENT_INTEGER}},
    {"epoll_ctl", CALL_EPOLL_CTL, false, 4, 4, {ARGUMENT_FD, ARGUMENT_INTEGER, ARGUMENT_FD, ARGUMENT_EPOLL_EVENT}},
    {"epoll_wait",
     CALL_EPOLL_WAIT,
     false,
     4,
     4,
     {ARGUMENT_FD, ARGUMENT_EPOLL_EVENTS, ARGUMENT_INTEGER, ARGUMENT_INTEGER}},
    {"dup", CALL_DUP, true, 1, 1, {ARGUMENT_FD}},
};

#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

const struct call_kind *call_kind_find(const char *name)
{
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

void call_kind_names(FILE *out)
{
    for (size_t i = 0; i < KIND_COUNT; i++)
        fprintf(out, "%s%s", i > 0 ? ", " : "", kinds[i].name);
}

bool call_kind_is_foreign(const char *name)
{
    static const char *const foreign[] = {"cap_set",      "open",     "pipe",  "psp_rx_assoc",
                                          "psp_tx_assoc", "sendfile", "splice"};
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        if (strcmp(foreign[i], name) == 0)
            return true;
    return false;
}

/* ---- arguments ---- */

const struct value *value_member(const struct value *value, const char *name)
{
    for (const struct value *item = value->items; item != NULL; item = item->next)
        if (item->name != NULL && strcmp(item->name, name) == 0)
            return item;
    return NULL;
}

static const char *kind_name(enum value_kind kind)
{
    switch (kind) {
    case VALUE_ANY: return "...";
    case VALUE_INTEGER: return "a number";
    case VALUE_STRING: return "a string";
    case VALUE_LIST: return "a list";
    case VALUE_TUPLE: return "{...}";
    case VALUE_STRUCT: return "a struct";
    case VALUE_ADDRESS: return "an address";
    }
    return "something else";
}

static bool wrong(const struct value *value, const char *expected, struct problem *problem)
{
    return problem_at(problem, value->place, "expected %s, found %s", expected, kind_name(value->kind));
}

/* Members of a struct: their names with what they must be, 'i' an integer, 'l' a list, '?' anything; all after optional
   may be left out. */
struct member {
    const char *name;
    char kind;
    bool is_optional;
};

static bool check_members(const struct value *value, const struct member *members, size_t count, const char *form,
                          struct problem *problem)
{
    for (const struct value *item = value->items; item != NULL; item = item->next) {
        size_t i = 0;
        while (i < count && strcmp(members[i].name, item->name) != 0)
            i++;
        if (i == count)
            return problem_at(problem, item->place, "there is no '%s' in %s", item->name, form);
        bool is_right = members[i].kind == '?' || (members[i].kind == 'i' && item->kind == VALUE_INTEGER) ||
                        (members[i].kind == 'l' && item->kind == VALUE_LIST);
        if (!is_right)
            return problem_at(problem, item->place, "%s is %s in %s, found %s", item->name,
                              members[i].kind == 'l' ? "a list" : "a number", form, kind_name(item->kind));
    }
    for (size_t i = 0; i < count; i++)
        if (!members[i].is_optional && value_member(value, members[i].name) == NULL)
            return problem_at(problem, value->place, "'%s' is missing in %s", members[i].name, form);
    return true;
}

#define CHECK_MEMBERS(value, members, form, problem) \
    check_members(value, members, sizeof(members) / sizeof(members)[0], form, problem)

static bool check_iovec(const struct value *value, struct problem *problem)
{
    if (value->kind != VALUE_LIST)
        return wrong(value, "[{..., LENGTH}, ...]", problem);
    for (const struct value *item = value->items; item != NULL; item = item->next) {
        bool is_right = item->kind == VALUE_TUPLE && item->count == 2 && item->items->kind == VALUE_ANY &&
                        item->items->next->kind == VALUE_INTEGER;
        if (!is_right || item->items->next->integer < 0 || item->items->next->integer > INT32_MAX)
            return wrong(item, "{..., LENGTH}", problem);
    }
    return true;
}

static bool check_msghdr(const struct value *value, struct problem *problem)
{
    static const struct member members[] = {
        {"msg_name", '?', false}, {"msg_iov", 'l', false}, {"msg_flags", 'i', false}, {"msg_control", 'l', true}};
    const char *form = "{msg_name(...)=..., msg_iov(N)=[{..., LENGTH}], msg_flags=N}";
    if (value->kind != VALUE_STRUCT)
        return wrong(value, form, problem);
    if (!CHECK_MEMBERS(value, members, form, problem))
        return false;
    const struct value *name = value_member(value, "msg_name");
    const struct value *parts = value_member(value, "msg_iov");
    const struct value *control = value_member(value, "msg_control");
    if (name->kind != VALUE_ANY)
        return wrong(name, "msg_name(...)=...", problem);
    if (control != NULL && control->count > 0)
        return problem_at(problem, control->place, "lastack's sockets have no control messages: msg_control=[]");
    if (!check_iovec(parts, problem))
        return false;
    bool is_right = parts->argument != NULL && parts->argument->kind == VALUE_INTEGER;
    if (!is_right || parts->argument->integer != parts->count)
        return problem_at(problem, parts->place, "msg_iov(%s) has %u parts", is_right ? parts->argument->text : "N",
                          parts->count);
    return true;
}

static bool check_pollfds(const struct value *value, struct problem *problem)
{
    static const struct member members[] = {{"fd", 'i', false}, {"events", 'i', false}, {"revents", 'i', true}};
    const char *form = "{fd=N, events=..., revents=...}";
    if (value->kind != VALUE_LIST)
        return wrong(value, "[{fd=N, events=..., revents=...}, ...]", problem);
    for (const struct value *item = value->items; item != NULL; item = item->next) {
        if (item->kind != VALUE_STRUCT)
            return wrong(item, form, problem);
        if (!CHECK_MEMBERS(item, members, form, problem))
            return false;
    }
    return true;
}

static bool check_epoll_event(const struct value *value, struct problem *problem)
{
    static const struct member members[] = {
        {"events", 'i', false}, {"fd", 'i', true}, {"ptr", 'i', true}, {"u32", 'i', true}, {"u64", 'i', true}};
    const char *form = "{events=..., fd=N}, or with ptr, u32 or u64 in place of fd";
    if (value->kind != VALUE_STRUCT || value->count != 2)
        return wrong(value, form, problem);
    return CHECK_MEMBERS(value, members, form, problem);
}

static bool check_epoll_events(const struct value *value, struct problem *problem)
{
    if (value->kind != VALUE_LIST)
        return check_epoll_event(value, problem);
    for (const struct value *item = value->items; item != NULL; item = item->next)
        if (!check_epoll_event(item, problem))
            return false;
    return true;
}

static bool check_address(const struct value *value, struct problem *problem)
{
    static const struct member members[] = {
        {"sa_family", 'i', false}, {"sin_port", 'i', false}, {"sin_addr", '?', false}};
    const char *form = "{sa_family=AF_INET, sin_port=htons(PORT), sin_addr=inet_addr(\"ADDRESS\")}";
    if (value->kind == VALUE_ANY || value->kind == VALUE_INTEGER)
        return true;
    if (value->kind != VALUE_STRUCT)
        return wrong(value, "..., AF_UNSPEC or a struct sockaddr", problem);
    if (!CHECK_MEMBERS(value, members, form, problem))
        return false;
    const struct value *address = value_member(value, "sin_addr");
    return address->kind == VALUE_ADDRESS || wrong(address, "inet_addr(\"ADDRESS\")", problem);
}

static bool check_option_value(const struct value *value, struct problem *problem)
{
    static const struct member linger[] = {{"onoff", 'i', false}, {"linger", 'i', false}};
    static const struct member timeval[] = {{"tv_sec", 'i', false}, {"tv_usec", 'i', false}};
    if (value->kind == VALUE_STRING)
        return true;
    if (value->kind == VALUE_STRUCT && value_member(value, "tv_sec") != NULL)
        return CHECK_MEMBERS(value, timeval, "{tv_sec=N, tv_usec=N}", problem);
    if (value->kind == VALUE_STRUCT)
        return CHECK_MEMBERS(value, linger, "{onoff=N, linger=N}", problem);
    bool is_number = value->kind == VALUE_LIST && value->count == 1 && value->items->kind == VALUE_INTEGER;
    return is_number || wrong(value, "[N], {onoff=N, linger=N}, {tv_sec=N, tv_usec=N} or a string", problem);
}

static bool check_length(const struct value *value, struct problem *problem)
{
    bool is_number = value->kind == VALUE_LIST && value->count == 1 && value->items->kind == VALUE_INTEGER;
    if (!is_number)
        return wrong(value, "[LENGTH]", problem);
    if (value->items->integer < 0 || value->items->integer > 4096)
        return problem_at(problem, value->place, "a length is from 0 to 4096");
    return true;
}

static bool check_integer(const struct value *value, struct problem *problem)
{
    if (value->kind != VALUE_INTEGER)
        return wrong(value, "a number or a constant's name", problem);
    if (value->integer < INT32_MIN || value->integer > UINT32_MAX)
        return problem_at(problem, value->place, "%s does not fit into 32 bits", value->text);
    return true;
}

static bool check_argument(const struct value *value, enum argument_kind kind, struct problem *problem)
{
    switch (kind) {
    case ARGUMENT_FD:
    case ARGUMENT_INTEGER: return check_integer(value, problem);
    case ARGUMENT_ANY: return value->kind == VALUE_ANY || wrong(value, "...", problem);
    case ARGUMENT_BUFFER:
        return value->kind == VALUE_ANY || (value->kind == VALUE_INTEGER && value->integer == 0) ||
               wrong(value, "... or NULL", problem);
    case ARGUMENT_ADDRESS: return check_address(value, problem);
    case ARGUMENT_IOVEC: return check_iovec(value, problem);
    case ARGUMENT_MSGHDR: return check_msghdr(value, problem);
    case ARGUMENT_POLLFDS: return check_pollfds(value, problem);
    case ARGUMENT_EPOLL_EVENT: return check_epoll_event(value, problem);
    case ARGUMENT_EPOLL_EVENTS: return check_epoll_events(value, problem);
    case ARGUMENT_VALUE: return check_option_value(value, problem);
    case ARGUMENT_LENGTH: return check_length(value, problem);
    case ARGUMENT_IOCTL: return value->kind == VALUE_INTEGER || check_length(value, problem);
    }
    return false;
}

bool call_check(const struct call *call, struct problem *problem)
{
    const struct call_kind *kind = call->kind;
    if (call->count < kind->minimum || call->count > kind->maximum)
        return problem_at(problem, call->place, "%s takes %u%s arguments, not %u", kind->name, kind->minimum,
                          kind->minimum == kind->maximum ? "" : " or more", call->count);
    const struct value *value = call->arguments;
    for (unsigned i = 0; i < call->count; i++, value = value->next) {
        bool is_family = kind->number == CALL_SOCKET && i == 0 && value->kind == VALUE_ANY;
        if (!is_family && !check_argument(value, kind->arguments[i], problem))
            return false;
    }
    return check_integer(call->result, problem);
}
