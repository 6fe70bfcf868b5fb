#include <fcntl.h>
#include <netinet/in.h>

#include "sockets_private.h"

/* socket, bind, listen, accept, connect, and the names of both ends. */

/* ---- socket ---- */

static void options_default(struct socket_options *options, const struct la_config *config)
{
    *options = (struct socket_options){
        .host[LA_OPTION_NODELAY] = !config->nagle,
        .host[LA_OPTION_KEEPALIVE] = config->keepalive,
        .host[LA_OPTION_KEEPALIVE_IDLE_MS] = config->keepalive_idle_ms,
        .host[LA_OPTION_KEEPALIVE_INTERVAL_MS] = config->keepalive_interval_ms,
        .host[LA_OPTION_KEEPALIVE_PROBES] = config->keepalive_probes,
        .host[LA_OPTION_SEND_BUFFER_BYTES] = config->send_buffer_bytes,
        .host[LA_OPTION_PUSH] = 1,
        .host[LA_OPTION_QUICK_ACK] = 1,
        .receive_buffer = config->receive_buffer_bytes,
        .user_timeout_ms = config->user_timeout_ms,
        .receive_timeout = LA_TIME_NEVER,
        .send_timeout = LA_TIME_NEVER,
        .receive_low_water = 1,
        .ipv4 = {.ttl = -1, .mtu_discover = IP_PMTUDISC_WANT},
        .ipv6 = {.ttl = -1, .mtu_discover = IPV6_PMTUDISC_WANT},
    };
}

static int check_kind(int family, int type, int protocol)
{
    int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (family != AF_INET && family != AF_INET6) {
        return -EAFNOSUPPORT;
    }
    if (kind != SOCK_STREAM) {
        return kind > 0 && kind <= SOCK_PACKET ? -EPROTONOSUPPORT : -EINVAL;
    }
    return protocol == 0 || protocol == IPPROTO_TCP ? 0 : -EPROTONOSUPPORT;
}

int sockets_socket(struct sockets *sockets, la_time now, int family, int type, int protocol)
{
    int error = check_kind(family, type, protocol);
    sockets_take_events(sockets, now);
    if (error != 0) {
        return error;
    }
    int fd = descriptor_free(sockets, 0);
    if (fd < 0) {
        return fd;
    }
    struct file *file = file_new(sockets, FILE_SOCKET);
    if (file == NULL) {
        return -ENFILE;
    }
    file->flags = (type & SOCK_NONBLOCK) != 0 ? O_NONBLOCK : 0;
    file->socket = (struct socket){.family = (sa_family_t)family};
    file->socket.local.address = address_wildcard(file->socket.family);
    options_default(&file->socket.options, &sockets->host_config);
    descriptor_set(sockets, fd, file, (type & SOCK_CLOEXEC) != 0);
    return fd;
}

/* ---- bind ---- */

int sockets_bind(struct sockets *sockets, la_time now, int fd, const struct sockaddr *address, socklen_t length)
{
    struct file *file = NULL;
    struct la_endpoint local;
    int error = socket_of(sockets, now, fd, &file);
    error = error != 0 ? error : address_take(&file->socket, address, length, &local);
    if (error != 0) {
        return error;
    }
    struct socket *socket = &file->socket;
    if (socket->options.ipv6_only && la_address_is_ipv4(&local.address)) {
        return -EINVAL;
    }
    if (!address_is_wildcard(&local.address) && !la_address_is_local(sockets->host, &local.address)) {
        return -EADDRNOTAVAIL;
    }
    if (socket->local.port != 0 || socket_state(sockets, socket) != LA_CLOSED) {
        return -EINVAL;
    }
    uint16_t port = local.port != 0 ? local.port : port_draw(sockets, file, &local.address);
    local.port = port;
    if (port == 0 || port_check(sockets, file, &local, false) != 0) {
        return -EADDRINUSE;
    }
    socket->local.address = local.address;
    socket->has_bound_address = !address_is_wildcard(&local.address);
    socket->options.ipv6_only |= socket->has_bound_address && !la_address_is_ipv4(&local.address);
    port_take(sockets, socket, port, PORT_OF_BIND);
    return 0;
}

/* ---- listen ---- */

/* Linux lets one more than the backlog wait. */
static uint32_t backlog_of(const struct sockets *sockets, int backlog)
{
    unsigned asked = (unsigned)backlog;
    return (asked < sockets->config.somaxconn ? asked : sockets->config.somaxconn) + 1;
}

static int begin_to_listen(struct sockets *sockets, la_time now, struct file *file, uint32_t backlog)
{
    struct socket *socket = &file->socket;
    if (socket->local.port == 0) {
        uint16_t port = port_draw(sockets, file, &socket->local.address);
        if (port == 0) {
            return -EADDRINUSE;
        }
        port_take(sockets, socket, port, PORT_OF_LISTEN);
    }
    int error = port_check(sockets, file, &socket->local, true);
    if (error != 0) {
        return error;
    }
    error = la_listen(sockets->host, now, &socket->local, backlog, &socket->listener);
    if (error != LA_OK) {
        return error == LA_ERROR_IN_USE ? -EADDRINUSE : -errno_of(error);
    }
    socket->has_listener = true;
    sockets->of_listener[socket->listener.slot] = file_number(sockets, file);
    return 0;
}

int sockets_listen(struct sockets *sockets, la_time now, int fd, int backlog)
{
    struct file *file = NULL;
    int error = socket_of(sockets, now, fd, &file);
    if (error != 0) {
        return error;
    }
    struct socket *socket = &file->socket;
    uint32_t most = backlog_of(sockets, backlog);
    if (socket->has_listener) {
        return -errno_of(la_set_backlog(sockets->host, now, socket->listener, most));
    }
    if (socket->progress != UNCONNECTED || socket_state(sockets, socket) != LA_CLOSED) {
        return -EINVAL;
    }
    error = begin_to_listen(sockets, now, file, most);
    if (error == 0) {
        socket_set_listener_options(sockets, now, socket);
        file_wake(sockets, file, UINT32_MAX);
    }
    return error;
}

/* ---- accept ---- */

/* The new socket is as its listener is, but for what was its own. */
static void be_child_of(struct sockets *sockets, la_time now, struct file *child, const struct file *parent,
                        struct la_conn connection)
{
    child->socket = (struct socket){
        .family = parent->socket.family,
        .progress = CONNECTED,
        .has_bound_address = true,
        .options = parent->socket.options,
    };
    port_take(sockets, &child->socket, parent->socket.local.port, PORT_OF_BIND);
    socket_adopt(sockets, now, child, connection);
}

static ssize_t accept_now(struct sockets *sockets, la_time now, const struct file *parent, int flags,
                          struct sockaddr *address, socklen_t *length)
{
    struct la_conn connection;
    int fd = descriptor_free(sockets, 0);
    if (fd < 0) {
        return fd;
    }
    if (sockets->free_file == NOTHING) {
        return -ENFILE;
    }
    int error = la_accept(sockets->host, now, parent->socket.listener, &connection);
    if (error != LA_OK) {
        return -errno_of(error);
    }
    struct file *child = file_new(sockets, FILE_SOCKET);
    child->flags = (flags & SOCK_NONBLOCK) != 0 ? O_NONBLOCK : 0;
    be_child_of(sockets, now, child, parent, connection);
    descriptor_set(sockets, fd, child, (flags & SOCK_CLOEXEC) != 0);
    sockets_take_events(sockets, now); /* what has happened to it since */
    if (address != NULL && length != NULL) {
        address_give(&child->socket, &child->socket.remote, address, length);
    }
    return fd;
}

ssize_t sockets_accept4(struct sockets *sockets, la_time now, struct socket_call *call, int fd,
                        struct sockaddr *address, socklen_t *length, int flags)
{
    struct file *file = NULL;
    if ((flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) != 0) {
        return -EINVAL;
    }
    int error = call_begin(sockets, now, call, fd, &file);
    if (error != 0) {
        return error;
    }
    if (!file->socket.has_listener) {
        return call_end(sockets, now, call, -EINVAL);
    }
    la_time timeout = (file->flags & O_NONBLOCK) != 0 ? 0 : file->socket.options.receive_timeout;
    ssize_t result = accept_now(sockets, now, file, flags, address, length);
    if (result == -EAGAIN && call_may_wait(call, now, timeout)) {
        return call_block(sockets, now, call, file, timeout);
    }
    return call_end(sockets, now, call, result);
}

ssize_t sockets_accept(struct sockets *sockets, la_time now, struct socket_call *call, int fd, struct sockaddr *address,
                       socklen_t *length)
{
    return sockets_accept4(sockets, now, call, fd, address, length, 0);
}

/* ---- connect ---- */

/* How long a SYN that goes out again syn_count times is waited for: RFC 6298's doubling timeout. */
static int64_t syn_bound_ms(const struct la_config *config, unsigned syn_count)
{
    int64_t total = 0;
    int64_t timeout = config->rto_initial_ms;
    for (unsigned sent = 0; sent <= syn_count; sent++) {
        total += timeout;
        timeout = 2 * timeout < config->rto_max_ms ? 2 * timeout : config->rto_max_ms;
    }
    return total < (1 << 30) - 1 ? total : (1 << 30) - 1;
}

static void bound_syn(struct sockets *sockets, la_time now, struct socket *socket)
{
    const struct socket_options *options = &socket->options;
    if (options->syn_count == 0) {
        return;
    }
    int64_t bound = syn_bound_ms(&sockets->host_config, options->syn_count);
    if (options->user_timeout_ms == 0 || bound < options->user_timeout_ms) {
        socket->syn_bound = true;
        (void)la_set_option(sockets->host, now, socket->connection, LA_OPTION_USER_TIMEOUT_MS, bound);
    }
}

/* The host chooses a port of its own; one that a socket has bound is not for it, and another one is asked for. What was
   begun there has sent nothing. */
static int connect_somewhere(struct sockets *sockets, la_time now, const struct la_endpoint *local,
                             const struct la_endpoint *remote, struct la_conn *connection)
{
    for (unsigned tries = 0; tries < 65536; tries++) {
        struct la_info info;
        int error = la_connect(sockets->host, now, local, remote, connection);
        if (error != LA_OK || local->port != 0) {
            return error;
        }
        (void)la_info(sockets->host, *connection, &info);
        if (sockets->ports[info.local.port].own == 0) {
            return LA_OK;
        }
        (void)la_release(sockets->host, now, *connection);
    }
    return LA_ERROR_NO_PORT;
}

static int connect_begin(struct sockets *sockets, la_time now, struct file *file, const struct la_endpoint *remote)
{
    struct socket *socket = &file->socket;
    struct la_endpoint local = socket->local;
    struct la_conn connection;
    if (!socket->has_bound_port) {
        local.port = 0;
    }
    if (socket->options.ipv6_only && la_address_is_ipv4(&remote->address)) {
        return -ENETUNREACH;
    }
    if (address_is_wildcard(&remote->address)) {
        return -ENETUNREACH; /* the host has no loopback */
    }
    if (remote->port == 0) {
        return -EADDRNOTAVAIL;
    }
    int error = connect_somewhere(sockets, now, &local, remote, &connection);
    if (error != LA_OK) {
        return -errno_of(error);
    }
    socket_drop_connection(sockets, now, socket);
    socket->error = 0;
    socket_adopt(sockets, now, file, connection);
    if (!socket->has_bound_port) {
        port_take(sockets, socket, socket_info(sockets, socket).local.port, PORT_OF_CONNECT);
    }
    bound_syn(sockets, now, socket);
    socket->progress = CONNECTING;
    return 0;
}

/* Where it stands: Linux's inet_stream_connect, behind its switch. */
static ssize_t connect_result(struct sockets *sockets, la_time now, struct socket_call *call, struct file *file,
                              int so_far)
{
    struct socket *socket = &file->socket;
    enum la_state state = socket_state(sockets, socket);
    la_time timeout = (file->flags & O_NONBLOCK) != 0 ? 0 : socket->options.send_timeout;
    if (state == LA_SYN_SENT || state == LA_SYN_RECEIVED) {
        if (call_may_wait(call, now, timeout)) {
            return call_block(sockets, now, call, file, timeout);
        }
        return call_end(sockets, now, call, so_far);
    }
    if (state == LA_CLOSED) {
        int error = socket_take_error(socket);
        socket_disconnect(sockets, now, file);
        return call_end(sockets, now, call, error != 0 ? -error : -ECONNABORTED);
    }
    socket->progress = CONNECTED;
    return call_end(sockets, now, call, 0);
}

static int connect_start(struct sockets *sockets, la_time now, struct file *file, const struct sockaddr *address,
                         socklen_t length)
{
    struct la_endpoint remote;
    switch (file->socket.progress) {
    case CONNECTED: return -EISCONN;
    case DISCONNECTING: return -EINVAL;
    case CONNECTING: return -EALREADY;
    case UNCONNECTED: break;
    }
    if (socket_state(sockets, &file->socket) != LA_CLOSED) {
        return -EISCONN;
    }
    int error = address_take(&file->socket, address, length, &remote);
    error = error != 0 ? error : connect_begin(sockets, now, file, &remote);
    return error != 0 ? error : -EINPROGRESS;
}

ssize_t sockets_connect(struct sockets *sockets, la_time now, struct socket_call *call, int fd,
                        const struct sockaddr *address, socklen_t length)
{
    struct file *file = NULL;
    bool is_resumed = call->is_blocked;
    int error = call_begin(sockets, now, call, fd, &file);
    if (error != 0) {
        return error;
    }
    if (is_resumed) {
        return connect_result(sockets, now, call, file, -EINPROGRESS);
    }
    if (address == NULL || length < sizeof address->sa_family) {
        return address == NULL ? -EFAULT : -EINVAL;
    }
    if (address->sa_family == AF_UNSPEC) {
        socket_disconnect(sockets, now, file);
        return 0;
    }
    error = connect_start(sockets, now, file, address, length);
    if (error == -EINPROGRESS || error == -EALREADY) {
        return connect_result(sockets, now, call, file, error);
    }
    return error;
}

/* ---- names ---- */

int sockets_getsockname(struct sockets *sockets, la_time now, int fd, struct sockaddr *address, socklen_t *length)
{
    struct file *file = NULL;
    int error = socket_of(sockets, now, fd, &file);
    if (error == 0) {
        address_give(&file->socket, &file->socket.local, address, length);
    }
    return error;
}

int sockets_getpeername(struct sockets *sockets, la_time now, int fd, struct sockaddr *address, socklen_t *length)
{
    struct file *file = NULL;
    int error = socket_of(sockets, now, fd, &file);
    if (error != 0) {
        return error;
    }
    enum la_state state = socket_state(sockets, &file->socket);
    if (state == LA_CLOSED || state == LA_LISTEN || state == LA_SYN_SENT) {
        return -ENOTCONN;
    }
    address_give(&file->socket, &file->socket.remote, address, length);
    return 0;
}
