#include "sockets_private.h"

/* epoll: a set of interests, and a list of those that may be ready. Something that happens to a file puts its interests
   on their sets' lists; who waits looks at what is on the list, and at nothing else. */

#define ALWAYS (EPOLLERR | EPOLLHUP)

static struct interest *interest_at(const struct sockets *sockets, uint32_t number)
{
    return &sockets->interests[number];
}

static void append(struct sockets *sockets, struct list *list, enum interest_list which, uint32_t number)
{
    struct interest *interest = interest_at(sockets, number);
    interest->link[which].before = list->last;
    interest->link[which].after = NOTHING;
    if (list->last == NOTHING) {
        list->first = number;
    } else {
        interest_at(sockets, list->last)->link[which].after = number;
    }
    list->last = number;
}

static void take_out(struct sockets *sockets, struct list *list, enum interest_list which, uint32_t number)
{
    const struct interest *interest = interest_at(sockets, number);
    uint32_t before = interest->link[which].before;
    uint32_t after = interest->link[which].after;
    if (before == NOTHING) {
        list->first = after;
    } else {
        interest_at(sockets, before)->link[which].after = after;
    }
    if (after == NOTHING) {
        list->last = before;
    } else {
        interest_at(sockets, after)->link[which].before = before;
    }
}

static struct epoll *set_of(const struct sockets *sockets, const struct interest *interest)
{
    return &file_at(sockets, interest->epoll)->epoll;
}

static void make_ready(struct sockets *sockets, uint32_t number)
{
    struct interest *interest = interest_at(sockets, number);
    if (!interest->is_ready) {
        interest->is_ready = true;
        append(sockets, &set_of(sockets, interest)->ready, OF_READY, number);
    }
}

static void make_unready(struct sockets *sockets, uint32_t number)
{
    struct interest *interest = interest_at(sockets, number);
    if (interest->is_ready) {
        interest->is_ready = false;
        take_out(sockets, &set_of(sockets, interest)->ready, OF_READY, number);
    }
}

static uint32_t interest_mask(const struct sockets *sockets, const struct interest *interest)
{
    if (interest->is_disarmed) {
        return 0;
    }
    return file_mask(sockets, file_at(sockets, interest->file)) & (interest->event.events | ALWAYS);
}

void file_wake(struct sockets *sockets, const struct file *file, uint32_t mask)
{
    for (uint32_t at = file->interests.first; at != NOTHING; at = interest_at(sockets, at)->link[OF_FILE].after) {
        const struct interest *interest = interest_at(sockets, at);
        if (!interest->is_disarmed && (mask & (interest->event.events | ALWAYS)) != 0) {
            make_ready(sockets, at);
        }
    }
}

uint32_t epoll_mask(const struct sockets *sockets, const struct epoll *epoll)
{
    for (uint32_t at = epoll->ready.first; at != NOTHING; at = interest_at(sockets, at)->link[OF_READY].after) {
        if (interest_mask(sockets, interest_at(sockets, at)) != 0) {
            return EPOLLIN | EPOLLRDNORM;
        }
    }
    return 0;
}

/* ---- interests ---- */

static void forget(struct sockets *sockets, uint32_t number)
{
    struct interest *interest = interest_at(sockets, number);
    make_unready(sockets, number);
    take_out(sockets, &file_at(sockets, interest->file)->interests, OF_FILE, number);
    take_out(sockets, &set_of(sockets, interest)->all, OF_EPOLL, number);
    interest->link[0].after = sockets->free_interest;
    sockets->free_interest = number;
}

void interests_forget_file(struct sockets *sockets, struct file *file)
{
    while (file->interests.first != NOTHING) {
        forget(sockets, file->interests.first);
    }
}

void interests_forget_epoll(struct sockets *sockets, struct file *file)
{
    while (file->epoll.all.first != NOTHING) {
        forget(sockets, file->epoll.all.first);
    }
}

static uint32_t find(const struct sockets *sockets, uint32_t epoll, const struct file *file, int fd)
{
    uint32_t at = file->interests.first;
    while (at != NOTHING) {
        const struct interest *interest = interest_at(sockets, at);
        if (interest->epoll == epoll && interest->descriptor == fd) {
            break;
        }
        at = interest->link[OF_FILE].after;
    }
    return at;
}

/* What it is interested in is new: it may be ready at once. */
static void set_event(struct sockets *sockets, uint32_t number, const struct epoll_event *event)
{
    struct interest *interest = interest_at(sockets, number);
    interest->event = *event;
    interest->is_disarmed = false;
    if (interest_mask(sockets, interest) != 0) {
        make_ready(sockets, number);
    }
}

static int add(struct sockets *sockets, uint32_t epoll, struct file *file, int fd, const struct epoll_event *event)
{
    uint32_t number = sockets->free_interest;
    if (number == NOTHING) {
        return -ENOSPC;
    }
    struct interest *interest = interest_at(sockets, number);
    sockets->free_interest = interest->link[0].after;
    *interest = (struct interest){.file = file_number(sockets, file), .epoll = epoll, .descriptor = fd};
    append(sockets, &file->interests, OF_FILE, number);
    append(sockets, &set_of(sockets, interest)->all, OF_EPOLL, number);
    set_event(sockets, number, event);
    return 0;
}

/* ---- the calls ---- */

int sockets_epoll_create1(struct sockets *sockets, la_time now, int flags)
{
    sockets_take_events(sockets, now);
    if ((flags & ~EPOLL_CLOEXEC) != 0) {
        return -EINVAL;
    }
    int fd = descriptor_free(sockets, 0);
    if (fd < 0) {
        return fd;
    }
    struct file *file = file_new(sockets, FILE_EPOLL);
    if (file == NULL) {
        return -ENFILE;
    }
    file->epoll = (struct epoll){{NOTHING, NOTHING}, {NOTHING, NOTHING}};
    descriptor_set(sockets, fd, file, (flags & EPOLL_CLOEXEC) != 0);
    return fd;
}

static int change(struct sockets *sockets, int operation, uint32_t epoll, struct file *file, int fd,
                  const struct epoll_event *event)
{
    uint32_t known = find(sockets, epoll, file, fd);
    if (operation == EPOLL_CTL_ADD) {
        return known != NOTHING ? -EEXIST : add(sockets, epoll, file, fd, event);
    }
    if (known == NOTHING) {
        return -ENOENT;
    }
    if (operation == EPOLL_CTL_DEL) {
        forget(sockets, known);
    } else {
        set_event(sockets, known, event);
    }
    return 0;
}

int sockets_epoll_ctl(struct sockets *sockets, la_time now, int epoll, int operation, int fd,
                      const struct epoll_event *event)
{
    const struct file *set = file_of(sockets, now, epoll);
    struct file *file = file_of(sockets, now, fd);
    bool is_known = operation == EPOLL_CTL_ADD || operation == EPOLL_CTL_MOD || operation == EPOLL_CTL_DEL;
    if (set == NULL || file == NULL) {
        return -EBADF;
    }
    if (set->kind != FILE_EPOLL || file->kind == FILE_EPOLL || !is_known) {
        return -EINVAL;
    }
    if (event == NULL && operation != EPOLL_CTL_DEL) {
        return -EFAULT;
    }
    return change(sockets, operation, file_number(sockets, set), file, fd, event);
}

/* It was looked at, and found ready for `mask`: does it stay on the list? */
static bool stays_ready(const struct sockets *sockets, const struct interest *interest, uint32_t mask)
{
    bool is_edge = (interest->event.events & EPOLLET) != 0;
    /* When enough has been sent for TCP_NOTSENT_LOWAT, nobody tells: it is looked at each time. */
    const struct file *file = file_at(sockets, interest->file);
    bool is_silent = file->kind == FILE_SOCKET && file->socket.options.not_sent_low_water != 0;
    return !interest->is_disarmed && !is_edge && (mask != 0 || is_silent);
}

static uint32_t length_of(const struct sockets *sockets, const struct list *list)
{
    uint32_t length = 0;
    for (uint32_t at = list->first; at != NOTHING; at = interest_at(sockets, at)->link[OF_READY].after) {
        length++;
    }
    return length;
}

static int collect(struct sockets *sockets, struct epoll *set, struct epoll_event *events, int count)
{
    int found = 0;
    for (uint32_t left = length_of(sockets, &set->ready); left > 0 && found < count; left--) {
        uint32_t number = set->ready.first;
        struct interest *interest = interest_at(sockets, number);
        uint32_t mask = interest_mask(sockets, interest);
        make_unready(sockets, number);
        if (mask != 0) {
            events[found++] = (struct epoll_event){.events = mask, .data = interest->event.data};
            interest->is_disarmed = (interest->event.events & EPOLLONESHOT) != 0;
        }
        if (stays_ready(sockets, interest, mask)) {
            make_ready(sockets, number); /* behind the others */
        }
    }
    return found;
}

static int set_begin(struct sockets *sockets, la_time now, struct socket_call *call, int epoll, struct file **set)
{
    if (call->is_blocked) {
        sockets_take_events(sockets, now);
        *set = file_at(sockets, call->file);
        return 0;
    }
    *call = (struct socket_call){.deadline = LA_TIME_NEVER, .file = NOTHING};
    *set = file_of(sockets, now, epoll);
    if (*set == NULL) {
        return -EBADF;
    }
    return (*set)->kind == FILE_EPOLL ? 0 : -EINVAL;
}

ssize_t sockets_epoll_wait(struct sockets *sockets, la_time now, struct socket_call *call, int epoll,
                           struct epoll_event *events, int count, la_time timeout)
{
    struct file *set = NULL;
    if (count <= 0) {
        return -EINVAL;
    }
    int error = set_begin(sockets, now, call, epoll, &set);
    if (error != 0) {
        return error;
    }
    int found = collect(sockets, &set->epoll, events, count);
    if (found == 0 && call_may_wait(call, now, timeout)) {
        return call_block(sockets, now, call, set, timeout);
    }
    return call_end(sockets, now, call, found);
}
