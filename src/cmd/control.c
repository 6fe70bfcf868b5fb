#include "control.h"

#include "link/clock.h"
#include "show/counters.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { CLIENTS = 4, REQUEST_BYTES = 16, ASK_SECONDS = 10 };

struct client {
    struct control *control;
    int fd;        /* -1: free */
    uint64_t turn; /* when it came: the oldest goes where there is no room */
    char request[REQUEST_BYTES];
    size_t asked;
    char *answer;
    size_t length;
    size_t sent;
};

struct control {
    struct loop *loop;
    la_host *host;
    int fd;
    int pause; /* a timer: no descriptor was free, and nobody is accepted before it fires; -1 */
    uint64_t turns;
    struct client clients[CLIENTS];
    struct sockaddr_un address;
    struct stat status; /* of the socket at that path: whose it is */
};

/* ---- a client ---------------------------------------------------------------------------------------------------- */

static void leave(struct client *client)
{
    loop_unwatch_fd(client->control->loop, client->fd);
    close(client->fd);
    free(client->answer);
    *client = (struct client){.control = client->control, .fd = -1};
}

static void answer_waits(struct client *client)
{
    la_host *host = client->control->host;
    size_t size = la_time_wait_save_size(host);
    uint64_t wall = clock_now() + clock_epoch_offset();
    client->answer = malloc(size);
    if (client->answer)
        client->length = la_time_wait_save(host, loop_now(client->control->loop), wall, client->answer, size);
}

static void answer_counters(struct client *client)
{
    struct la_counters counters;
    FILE *memory = open_memstream(&client->answer, &client->length);
    if (!memory)
        return;
    la_host_counters(client->control->host, &counters);
    counters_json(memory, &counters);
    fclose(memory);
}

static void on_writable(void *context, int fd, short revents)
{
    struct client *client = context;
    if (revents & (POLLERR | POLLHUP | POLLNVAL)) {
        leave(client);
        return;
    }
    ssize_t sent = send(fd, client->answer + client->sent, client->length - client->sent, MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    client->sent += sent > 0 ? (size_t)sent : 0;
    if (sent < 0 || client->sent == client->length)
        leave(client);
}

static void on_request(void *context, int fd, short revents)
{
    struct client *client = context;
    ssize_t got = recv(fd, client->request + client->asked, REQUEST_BYTES - 1 - client->asked, 0);
    (void)revents;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    client->asked += got > 0 ? (size_t)got : 0;
    bool whole = memchr(client->request, '\n', client->asked) != NULL;
    if (got > 0 && !whole && client->asked < REQUEST_BYTES - 1)
        return;
    client->request[client->asked] = 0;
    if (strcmp(client->request, CONTROL_WAITS) == 0)
        answer_waits(client);
    else if (strcmp(client->request, CONTROL_COUNTERS) == 0)
        answer_counters(client);
    if (client->answer)
        loop_watch_fd(client->control->loop, fd, POLLOUT, on_writable, client);
    else
        leave(client);
}

/* A free place; else that of the one who came first. */
static struct client *place(struct control *control)
{
    struct client *oldest = &control->clients[0];
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct client *client = &control->clients[i];
        if (client->fd < 0)
            return client;
        oldest = client->turn < oldest->turn ? client : oldest;
    }
    leave(oldest);
    return oldest;
}

static void on_connection(void *context, int fd, short revents);

static void accept_again(void *context)
{
    struct control *control = context;
    control->pause = -1;
    loop_watch_fd(control->loop, control->fd, POLLIN, on_connection, control);
}

/* Who waits to be accepted keeps the socket readable: the loop would do nothing else. */
static void pause_accepting(struct control *control)
{
    control->pause = loop_at(control->loop, loop_now(control->loop) + LA_SECOND, accept_again, control);
    if (control->pause >= 0)
        loop_watch_fd(control->loop, control->fd, 0, on_connection, control);
}

static void on_connection(void *context, int fd, short revents)
{
    struct control *control = context;
    (void)revents;
    int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            pause_accepting(control);
        return;
    }
    struct client *client = place(control);
    client->fd = accepted;
    client->turn = ++control->turns;
    if (!loop_watch_fd(control->loop, accepted, POLLIN, on_request, client)) {
        close(accepted);
        client->fd = -1;
    }
}

/* ---- the socket -------------------------------------------------------------------------------------------------- */

static int address_of(const char *path, struct sockaddr_un *address, struct link_error *error)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address->sun_path)
        return link_fail(error, "%s: a socket's path has %zu characters at most", path, sizeof address->sun_path - 1);
    memcpy(address->sun_path, path, strlen(path));
    return 0;
}

/* errno of connecting to it, 0 if somebody accepts. It does not wait: a queue that is full (EAGAIN) is somebody's. */
static int probe(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int connected = fd < 0 ? -1 : connect(fd, (const struct sockaddr *)address, sizeof *address);
    int reason = connected < 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    return reason;
}

/* What a program that ended otherwise than in order has left there. */
static int remove_dead(const struct sockaddr_un *address, struct link_error *error)
{
    struct stat status;
    if (lstat(address->sun_path, &status) < 0)
        return 0;
    if (!S_ISSOCK(status.st_mode))
        return link_fail(error, "%s: is there already, and is no socket", address->sun_path);
    int reason = probe(address);
    if (reason == 0 || reason == EAGAIN)
        return link_fail(error, "%s: another program serves it", address->sun_path);
    if (reason != ECONNREFUSED || unlink(address->sun_path) < 0)
        return link_fail(error, "%s: %s", address->sun_path, strerror(reason != ECONNREFUSED ? reason : errno));
    return 0;
}

static int listen_at(const struct sockaddr_un *address, struct link_error *error)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    mode_t before = umask(S_IXUSR | S_IRWXG | S_IRWXO); /* mode 0600 */
    bool ok = fd >= 0 && bind(fd, (const struct sockaddr *)address, sizeof *address) == 0 && listen(fd, CLIENTS) == 0;
    int reason = errno;
    umask(before);
    if (ok)
        return fd;
    if (fd >= 0)
        close(fd);
    return link_fail(error, "%s: %s", address->sun_path, strerror(reason));
}

struct control *control_open(const char *path, struct loop *loop, la_host *host, struct link_error *error)
{
    struct control *control = calloc(1, sizeof *control);
    if (!control) {
        link_fail(error, "no memory for the control socket");
        return NULL;
    }
    control->loop = loop;
    control->host = host;
    for (unsigned i = 0; i < CLIENTS; i++)
        control->clients[i] = (struct client){.control = control, .fd = -1};
    control->fd = -1;
    control->pause = -1;
    if (address_of(path, &control->address, error) == 0 && remove_dead(&control->address, error) == 0)
        control->fd = listen_at(&control->address, error);
    if (control->fd < 0) {
        free(control);
        return NULL;
    }
    if (lstat(control->address.sun_path, &control->status) < 0)
        control->status = (struct stat){0};
    loop_watch_fd(loop, control->fd, POLLIN, on_connection, control);
    return control;
}

/* Unless another program has put its own there meanwhile. */
static void remove_own(const struct control *control)
{
    struct stat status;
    if (lstat(control->address.sun_path, &status) == 0 && status.st_dev == control->status.st_dev &&
        status.st_ino == control->status.st_ino)
        unlink(control->address.sun_path);
}

void control_close(struct control *control)
{
    if (!control)
        return;
    for (unsigned i = 0; i < CLIENTS; i++)
        if (control->clients[i].fd >= 0)
            leave(&control->clients[i]);
    if (control->pause >= 0)
        loop_cancel(control->loop, control->pause);
    loop_unwatch_fd(control->loop, control->fd);
    close(control->fd);
    remove_own(control);
    free(control);
}

/* ---- the other end ----------------------------------------------------------------------------------------------- */

/* All that comes until the end. */
static char *take_all(int fd, size_t *length)
{
    char *text = NULL;
    FILE *memory = open_memstream(&text, length);
    char part[65536];
    ssize_t got = -1;
    while (memory && (got = recv(fd, part, sizeof part, 0)) > 0)
        fwrite(part, 1, (size_t)got, memory);
    if (memory && fclose(memory) == 0 && got == 0 && *length > 0)
        return text;
    free(text);
    return NULL;
}

void *control_ask(const char *path, const char *request, size_t *length, struct link_error *error)
{
    struct sockaddr_un address;
    const struct timeval patience = {.tv_sec = ASK_SECONDS};
    void *answer = NULL;
    if (address_of(path, &address, error) < 0)
        return NULL;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
        link_fail(error, "%s: %s", path, strerror(errno));
    } else {
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        if (send(fd, request, strlen(request), MSG_NOSIGNAL) == (ssize_t)strlen(request))
            answer = take_all(fd, length);
        if (!answer)
            link_fail(error, "%s: the program there gave no answer", path);
    }
    if (fd >= 0)
        close(fd);
    return answer;
}
