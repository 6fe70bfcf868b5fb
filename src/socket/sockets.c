#include <fcntl.h>
#include <stdlib.h>

#include "sockets_private.h"

/* Files, descriptors and blocked calls. */

#define PORTS 65536

void sockets_config_default(struct sockets_config *config)
{
    *config = (struct sockets_config){
        .first_descriptor = 3,
        .descriptors = 1024,
        .interests = 1024,
        .somaxconn = 4096,
    };
}

static bool is_usable(const struct la_config *host, const struct sockets_config *config)
{
    return la_config_error(host) == NULL && config->first_descriptor >= 0 && config->descriptors > 0 &&
           config->descriptors <= INT32_MAX / 4 && config->interests <= INT32_MAX && config->somaxconn > 0 &&
           config->first_descriptor <= INT32_MAX - (int)config->descriptors;
}

/* A closed file may live on in a call that is blocked: as many again as there are descriptors. */
static uint32_t files_for(const struct sockets_config *config)
{
    return 2 * config->descriptors;
}

static bool take_memory(struct sockets *sockets, const struct la_config *host)
{
    const struct sockets_config *config = &sockets->config;
    sockets->file_count = files_for(config);
    sockets->descriptors = calloc(config->descriptors, sizeof *sockets->descriptors);
    sockets->files = calloc(sockets->file_count, sizeof *sockets->files);
    sockets->interests = calloc(config->interests > 0 ? config->interests : 1, sizeof *sockets->interests);
    sockets->ports = calloc(PORTS, sizeof *sockets->ports);
    sockets->of_connection = calloc(host->connections, sizeof *sockets->of_connection);
    sockets->of_listener = calloc(host->listeners > 0 ? host->listeners : 1, sizeof *sockets->of_listener);
    return sockets->descriptors != NULL && sockets->files != NULL && sockets->interests != NULL &&
           sockets->ports != NULL && sockets->of_connection != NULL && sockets->of_listener != NULL;
}

static void give_memory_back(struct sockets *sockets)
{
    free(sockets->descriptors);
    free(sockets->files);
    free(sockets->interests);
    free(sockets->ports);
    free(sockets->of_connection);
    free(sockets->of_listener);
    free(sockets);
}

struct sockets *sockets_new(la_host *host, const struct la_config *host_config, const struct sockets_config *config)
{
    struct sockets *sockets = is_usable(host_config, config) ? calloc(1, sizeof *sockets) : NULL;
    if (sockets == NULL) {
        return NULL;
    }
    sockets->host = host;
    sockets->host_config = *host_config;
    sockets->config = *config;
    if (!take_memory(sockets, host_config)) {
        give_memory_back(sockets);
        return NULL;
    }
    for (uint32_t i = 0; i < config->descriptors; i++) {
        sockets->descriptors[i].file = NOTHING;
    }
    for (uint32_t i = 0; i < sockets->file_count; i++) {
        sockets->files[i].next_free = i + 1 < sockets->file_count ? i + 1 : NOTHING;
    }
    sockets->free_interest = config->interests > 0 ? 0 : NOTHING;
    for (uint32_t i = 0; i < config->interests; i++) {
        sockets->interests[i].link[0].after = i + 1 < config->interests ? i + 1 : NOTHING;
    }
    return sockets;
}

void sockets_free(struct sockets *sockets, la_time now)
{
    if (sockets == NULL) {
        return;
    }
    sockets_take_events(sockets, now);
    for (uint32_t i = 0; i < sockets->file_count; i++) {
        struct file *file = file_at(sockets, i);
        if (file->kind == FILE_SOCKET) {
            socket_release(sockets, now, file, false);
        }
    }
    give_memory_back(sockets);
}

/* ---- files ---- */

struct file *file_new(struct sockets *sockets, enum file_kind kind)
{
    uint32_t number = sockets->free_file;
    if (number == NOTHING) {
        return NULL;
    }
    struct file *file = file_at(sockets, number);
    sockets->free_file = file->next_free;
    *file = (struct file){.kind = kind, .references = 1, .interests = {NOTHING, NOTHING}};
    return file;
}

static void file_free(struct sockets *sockets, struct file *file)
{
    file->kind = FILE_FREE;
    file->next_free = sockets->free_file;
    sockets->free_file = file_number(sockets, file);
}

/* What its descriptors' last close does; true: there is something to wait for, and the file stays until then. */
static bool file_release(struct sockets *sockets, la_time now, struct file *file, bool may_linger)
{
    interests_forget_file(sockets, file);
    if (file->kind == FILE_EPOLL) {
        interests_forget_epoll(sockets, file);
    } else if (socket_release(sockets, now, file, may_linger)) {
        return true;
    }
    file_free(sockets, file);
    return false;
}

void file_unreference(struct sockets *sockets, la_time now, struct file *file)
{
    if (--file->references == 0) {
        (void)file_release(sockets, now, file, false);
    }
}

/* ---- descriptors ---- */

struct descriptor *descriptor_at(const struct sockets *sockets, int fd)
{
    int first = sockets->config.first_descriptor;
    if (fd < first || (unsigned)(fd - first) >= sockets->config.descriptors) {
        return NULL;
    }
    struct descriptor *descriptor = &sockets->descriptors[fd - first];
    return descriptor->file != NOTHING ? descriptor : NULL;
}

int descriptor_free(const struct sockets *sockets, int least)
{
    int first = sockets->config.first_descriptor;
    for (unsigned i = least > first ? (unsigned)(least - first) : 0; i < sockets->config.descriptors; i++) {
        if (sockets->descriptors[i].file == NOTHING) {
            return first + (int)i;
        }
    }
    return -EMFILE;
}

void descriptor_set(struct sockets *sockets, int fd, struct file *file, bool closes_on_exec)
{
    struct descriptor *descriptor = &sockets->descriptors[fd - sockets->config.first_descriptor];
    *descriptor = (struct descriptor){file_number(sockets, file), closes_on_exec};
}

struct file *file_of(struct sockets *sockets, la_time now, int fd)
{
    const struct descriptor *descriptor = descriptor_at(sockets, fd);
    sockets_take_events(sockets, now);
    return descriptor != NULL ? file_at(sockets, descriptor->file) : NULL;
}

int socket_of(struct sockets *sockets, la_time now, int fd, struct file **file)
{
    *file = file_of(sockets, now, fd);
    if (*file == NULL) {
        return -EBADF;
    }
    return (*file)->kind == FILE_SOCKET ? 0 : -ENOTSOCK;
}

bool sockets_is_open(const struct sockets *sockets, int fd)
{
    return descriptor_at(sockets, fd) != NULL;
}

int sockets_connection(const struct sockets *sockets, int fd, struct la_conn *conn)
{
    const struct descriptor *descriptor = descriptor_at(sockets, fd);
    if (descriptor == NULL) {
        return -EBADF;
    }
    const struct file *file = file_at(sockets, descriptor->file);
    if (file->kind != FILE_SOCKET) {
        return -ENOTSOCK;
    }
    if (!file->socket.has_connection) {
        return -ENOTCONN;
    }
    *conn = file->socket.connection;
    return 0;
}

/* ---- calls ---- */

int call_begin(struct sockets *sockets, la_time now, struct socket_call *call, int fd, struct file **file)
{
    if (call->is_blocked) {
        sockets_take_events(sockets, now);
        *file = file_at(sockets, call->file);
        return 0;
    }
    *call = (struct socket_call){.deadline = LA_TIME_NEVER, .file = NOTHING};
    return socket_of(sockets, now, fd, file);
}

ssize_t call_block(struct sockets *sockets, la_time now, struct socket_call *call, struct file *file, la_time timeout)
{
    if (!call->is_blocked) {
        call->is_blocked = true;
        call->deadline = timeout < LA_TIME_NEVER - now ? now + timeout : LA_TIME_NEVER;
        call->file = file != NULL ? file_number(sockets, file) : NOTHING;
        if (file != NULL) {
            file->references++;
        }
    }
    return SOCKET_BLOCKED;
}

ssize_t call_end(struct sockets *sockets, la_time now, struct socket_call *call, ssize_t result)
{
    if (call->is_blocked) {
        call->is_blocked = false;
        if (call->file != NOTHING) {
            file_unreference(sockets, now, file_at(sockets, call->file));
        }
    }
    return result;
}

ssize_t sockets_interrupt(struct sockets *sockets, la_time now, struct socket_call *call)
{
    if (!call->is_blocked) {
        return -EINVAL;
    }
    ssize_t result = call->done > 0 ? (ssize_t)call->done : -EINTR;
    sockets_take_events(sockets, now);
    return call_end(sockets, now, call, result);
}

/* ---- close, dup ---- */

static ssize_t wait_for_close(struct sockets *sockets, la_time now, struct socket_call *call)
{
    struct file *file = file_at(sockets, call->file);
    sockets_take_events(sockets, now);
    if (!socket_close_is_over(sockets, &file->socket) && now < call->deadline) {
        return SOCKET_BLOCKED;
    }
    return call_end(sockets, now, call, 0);
}

ssize_t sockets_close(struct sockets *sockets, la_time now, struct socket_call *call, int fd)
{
    if (call->is_blocked) {
        return wait_for_close(sockets, now, call);
    }
    *call = (struct socket_call){.deadline = LA_TIME_NEVER, .file = NOTHING};
    struct file *file = file_of(sockets, now, fd);
    if (file == NULL) {
        return -EBADF;
    }
    descriptor_at(sockets, fd)->file = NOTHING;
    if (--file->references > 0 || !file_release(sockets, now, file, true)) {
        return 0;
    }
    la_time linger = file->socket.options.linger_s * LA_SECOND;
    return call_block(sockets, now, call, file, linger);
}

static int duplicate(struct sockets *sockets, struct file *file, int least, bool closes_on_exec)
{
    int fd = descriptor_free(sockets, least);
    if (fd >= 0) {
        file->references++;
        descriptor_set(sockets, fd, file, closes_on_exec);
    }
    return fd;
}

int sockets_dup(struct sockets *sockets, la_time now, int fd)
{
    struct file *file = file_of(sockets, now, fd);
    return file == NULL ? -EBADF : duplicate(sockets, file, 0, false);
}

int sockets_fcntl(struct sockets *sockets, la_time now, int fd, int command, long argument)
{
    struct file *file = file_of(sockets, now, fd);
    if (file == NULL) {
        return -EBADF;
    }
    struct descriptor *descriptor = descriptor_at(sockets, fd);
    int last = sockets->config.first_descriptor + (int)sockets->config.descriptors - 1;
    switch (command) {
    case F_GETFL: return O_RDWR | file->flags;
    case F_SETFL: file->flags = (int)argument & O_NONBLOCK; return 0;
    case F_GETFD: return descriptor->closes_on_exec ? FD_CLOEXEC : 0;
    case F_SETFD: descriptor->closes_on_exec = (argument & FD_CLOEXEC) != 0; return 0;
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        if (argument < 0 || argument > last) {
            return -EINVAL;
        }
        return duplicate(sockets, file, (int)argument, command == F_DUPFD_CLOEXEC);
    default: return -EINVAL;
    }
}
