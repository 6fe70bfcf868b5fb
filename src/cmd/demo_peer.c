#include "demo_scene.h"

#include "cmd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The peer's program: plain sockets on the kernel's TCP, or the native interface of a second lastack. */

/* ---- the kernel's sockets ---------------------------------------------------------------------------------------- */

/* Of either family. */
union socket_address {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
};

static socklen_t socket_address(const struct demo *demo, enum scene_side side, uint16_t port,
                                union socket_address *address)
{
    struct la_address ours = scene_address(demo, side);
    memset(address, 0, sizeof *address);
    if (demo->ipv6) {
        address->ipv6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
        memcpy(&address->ipv6.sin6_addr, ours.octets, 16);
        return sizeof address->ipv6;
    }
    address->ipv4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
    memcpy(&address->ipv4.sin_addr, ours.octets + 12, 4);
    return sizeof address->ipv4;
}

static int kernel_connect(struct peer *peer, uint16_t from, uint16_t to)
{
    const struct demo *demo = peer->scene->demo;
    union socket_address local, remote;
    socklen_t size = socket_address(demo, SCENE_PEER, from, &local);
    socket_address(demo, SCENE_LASTACK, to, &remote);
    peer->fd = socket(local.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (peer->fd < 0 || bind(peer->fd, &local.any, size) != 0)
        return complain("demo", "port %u of the kernel: %s", from, strerror(errno));
    if (connect(peer->fd, &remote.any, size) != 0 && errno != EINPROGRESS)
        return complain("demo", "the kernel cannot connect: %s", strerror(errno));
    return 0;
}

static int kernel_receive(struct peer *peer, char *text, size_t size)
{
    ssize_t got = recv(peer->fd, text, size, 0);
    if (got >= 0)
        return (int)got;
    return errno == EAGAIN || errno == ENOTCONN ? -1 : -2;
}

static const char *kernel_error(struct peer *peer)
{
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(peer->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    return error ? strerror(error) : NULL;
}

/* ---- the second lastack ------------------------------------------------------------------------------------------ */

static int second_connect(struct peer *peer, uint16_t from, uint16_t to)
{
    const struct demo *demo = peer->scene->demo;
    struct la_endpoint local = {scene_address(demo, SCENE_PEER), from};
    struct la_endpoint remote = {scene_address(demo, SCENE_LASTACK), to};
    int result = la_connect(peer->scene->peer, scene_now(peer->scene), &local, &remote, &peer->conn);
    return result < 0 ? complain("demo", "la_connect: %s", la_error_name((enum la_error)result)) : 0;
}

static int second_receive(struct peer *peer, char *text, size_t size)
{
    int got = la_recv(peer->scene->peer, scene_now(peer->scene), peer->conn, text, size);
    if (got >= 0)
        return got;
    return got == LA_ERROR_WOULD_BLOCK || got == LA_ERROR_NOT_CONNECTED ? -1 : -2;
}

static enum la_state second_state(const struct peer *peer)
{
    struct la_info info;
    return la_info(peer->scene->peer, peer->conn, &info) == LA_OK ? info.state : LA_CLOSED;
}

static const char *second_error(struct peer *peer)
{
    struct la_outcome outcome = {.end = LA_END_NONE};
    la_outcome(peer->scene->peer, peer->conn, &outcome);
    return outcome.end == LA_END_NONE || outcome.end == LA_END_CLEAN ? NULL : la_end_name(outcome.end);
}

/* ---- either ------------------------------------------------------------------------------------------------------ */

int peer_connect(struct peer *peer, struct scene *scene, uint16_t from, uint16_t to)
{
    *peer = (struct peer){.scene = scene, .fd = -1};
    scene->here.port = to;
    scene->there.port = from;
    int result = scene->peer ? second_connect(peer, from, to) : kernel_connect(peer, from, to);
    peer->open = result == 0 || peer->fd >= 0;
    scene_note(scene, SCENE_PEER, "connect()");
    return result;
}

bool peer_send(struct peer *peer, const char *text)
{
    size_t length = strlen(text);
    if (peer->scene->peer)
        return la_send(peer->scene->peer, scene_now(peer->scene), peer->conn, text, length) == (int)length;
    return send(peer->fd, text, length, MSG_NOSIGNAL) == (ssize_t)length;
}

int peer_receive(struct peer *peer, char *text, size_t size)
{
    return peer->scene->peer ? second_receive(peer, text, size) : kernel_receive(peer, text, size);
}

void peer_shutdown(struct peer *peer)
{
    scene_note(peer->scene, SCENE_PEER, "shutdown()");
    if (peer->scene->peer)
        la_shutdown(peer->scene->peer, scene_now(peer->scene), peer->conn);
    else
        shutdown(peer->fd, SHUT_WR);
}

enum la_state peer_state(const struct peer *peer)
{
    return peer->scene->peer ? second_state(peer) : peer->scene->peer_state;
}

const char *peer_error(struct peer *peer)
{
    return peer->scene->peer ? second_error(peer) : kernel_error(peer);
}

void peer_free(struct peer *peer)
{
    if (!peer->open)
        return;
    peer->open = false;
    if (peer->scene->peer)
        la_release(peer->scene->peer, scene_now(peer->scene), peer->conn);
    else
        close(peer->fd);
}
