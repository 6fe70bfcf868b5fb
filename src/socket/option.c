#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/time.h>

#include "sockets_private.h"

/* getsockopt and setsockopt: Linux's sk_setsockopt, do_tcp_setsockopt, and what they check. */

#define SEND_BUFFER_LEAST    2304 /* octets of text: half of Linux's SOCK_MIN_SNDBUF, SOCK_MIN_RCVBUF */
#define RECEIVE_BUFFER_LEAST 1152
#define KEEPALIVE_MOST_S     32767
#define COUNT_MOST           127
#define MAX_SEGMENT_LEAST    88
#define MAX_SEGMENT_MOST     32767

static const char CONGESTION[] = "reno";

/* ---- what the host has an option for ---- */

void socket_set_listener_options(struct sockets *sockets, la_time now, const struct socket *socket)
{
    const struct socket_options *options = &socket->options;
    if ((options->given >> LA_OPTION_RECEIVE_BUFFER_BYTES & 1) != 0) {
        (void)la_set_listener_option(sockets->host, now, socket->listener, LA_OPTION_RECEIVE_BUFFER_BYTES,
                                     options->host[LA_OPTION_RECEIVE_BUFFER_BYTES]);
    }
    (void)la_set_listener_option(sockets->host, now, socket->listener, LA_OPTION_MAX_SEGMENT_BYTES,
                                 options->max_segment);
    (void)la_set_listener_option(sockets->host, now, socket->listener, LA_OPTION_IPV6_ONLY, options->ipv6_only);
    ip_options_apply(sockets, now, socket);
}

/* Now, and for the connection that comes. */
static int give_host(struct sockets *sockets, la_time now, struct socket *socket, enum la_option option, int64_t value)
{
    socket->options.host[option] = value;
    socket->options.given |= UINT32_C(1) << option;
    if (socket->has_connection) {
        (void)la_set_option(sockets->host, now, socket->connection, option, value);
    }
    if (socket->has_listener) {
        socket_set_listener_options(sockets, now, socket);
    }
    return 0;
}

static uint32_t between(int64_t value, int64_t least, int64_t most)
{
    value = value > most ? most : value;
    return (uint32_t)(value < least && least <= most ? least : value);
}

static int set_send_buffer(struct sockets *sockets, la_time now, struct socket *socket, int value)
{
    uint32_t bytes = between((uint32_t)value, SEND_BUFFER_LEAST, sockets->host_config.send_buffer_bytes);
    return give_host(sockets, now, socket, LA_OPTION_SEND_BUFFER_BYTES, bytes);
}

static int give_receive_buffer(struct sockets *sockets, la_time now, struct socket *socket)
{
    const struct socket_options *options = &socket->options;
    uint32_t bytes = options->receive_buffer;
    bytes = options->window_clamp != 0 && options->window_clamp < bytes ? options->window_clamp : bytes;
    return give_host(sockets, now, socket, LA_OPTION_RECEIVE_BUFFER_BYTES, bytes);
}

static int set_receive_buffer(struct sockets *sockets, la_time now, struct socket *socket, int value)
{
    socket->options.receive_buffer =
        between((uint32_t)value, RECEIVE_BUFFER_LEAST, sockets->host_config.receive_buffer_bytes);
    return give_receive_buffer(sockets, now, socket);
}

static int set_window_clamp(struct sockets *sockets, la_time now, struct socket *socket, int value)
{
    if (value == 0 && socket_state(sockets, socket) != LA_CLOSED) {
        return -EINVAL;
    }
    socket->options.window_clamp = value == 0 ? 0 : between(value, RECEIVE_BUFFER_LEAST, UINT32_MAX);
    return give_receive_buffer(sockets, now, socket);
}

static int set_max_segment(struct sockets *sockets, la_time now, struct socket *socket, int value)
{
    if (value != 0 && (value < MAX_SEGMENT_LEAST || value > MAX_SEGMENT_MOST)) {
        return -EINVAL;
    }
    socket->options.max_segment = (uint16_t)value;
    socket->options.host[LA_OPTION_MAX_SEGMENT_BYTES] = value;
    if (value == 0) {
        socket->options.given &= ~(UINT32_C(1) << LA_OPTION_MAX_SEGMENT_BYTES);
    } else {
        socket->options.given |= UINT32_C(1) << LA_OPTION_MAX_SEGMENT_BYTES;
    }
    if (socket->has_listener) {
        socket_set_listener_options(sockets, now, socket);
    }
    return 0;
}

static int set_seconds(struct sockets *sockets, la_time now, struct socket *socket, enum la_option option, int value)
{
    if (value < 1 || value > KEEPALIVE_MOST_S) {
        return -EINVAL;
    }
    return give_host(sockets, now, socket, option, (int64_t)value * 1000);
}

static int set_keepalive_count(struct sockets *sockets, la_time now, struct socket *socket, int value)
{
    if (value < 1 || value > COUNT_MOST) {
        return -EINVAL;
    }
    return give_host(sockets, now, socket, LA_OPTION_KEEPALIVE_PROBES, value);
}

static int set_user_timeout(struct sockets *sockets, la_time now, struct socket *socket, int value)
{
    const int most = (1 << 30) - 1; /* the host's */
    if (value < 0) {
        return -EINVAL;
    }
    socket->options.user_timeout_ms = (uint32_t)(value < most ? value : most);
    return give_host(sockets, now, socket, LA_OPTION_USER_TIMEOUT_MS, socket->options.user_timeout_ms);
}

/* ---- what is kept here ---- */

static int set_low_water(struct sockets *sockets, struct file *file, int value)
{
    struct socket *socket = &file->socket;
    uint32_t most = socket->options.receive_buffer;
    uint32_t wanted = value < 0 ? INT32_MAX : (uint32_t)value;
    socket->options.receive_low_water = wanted == 0 ? 1 : wanted < most ? wanted : most;
    file_wake(sockets, file, EPOLLIN | EPOLLRDNORM);
    return 0;
}

static int set_not_sent_low_water(struct sockets *sockets, struct file *file, int value)
{
    file->socket.options.not_sent_low_water = (uint32_t)value;
    file_wake(sockets, file, EPOLLOUT | EPOLLWRNORM);
    return 0;
}

static int set_syn_count(struct socket *socket, int value)
{
    if (value < 1 || value > COUNT_MOST) {
        return -EINVAL;
    }
    socket->options.syn_count = (uint8_t)value;
    return 0;
}

static int set_linger(struct socket *socket, const void *value, socklen_t length)
{
    struct linger linger;
    if (length < sizeof linger) {
        return -EINVAL;
    }
    memcpy(&linger, value, sizeof linger);
    socket->options.lingers = linger.l_onoff != 0;
    if (linger.l_onoff != 0) {
        socket->options.linger_s = (uint16_t)between(linger.l_linger, 0, UINT16_MAX);
        socket->options.linger_s = linger.l_linger < 0 ? UINT16_MAX : socket->options.linger_s;
    }
    return 0;
}

static int set_timeout(la_time *timeout, const void *value, socklen_t length)
{
    struct timeval time;
    if (length < sizeof time) {
        return -EINVAL;
    }
    memcpy(&time, value, sizeof time);
    if (time.tv_usec < 0 || time.tv_usec >= 1000000) {
        return -EDOM;
    }
    bool is_for_ever = (time.tv_sec == 0 && time.tv_usec == 0) || time.tv_sec > INT32_MAX;
    la_time asked = (la_time)time.tv_sec * LA_SECOND + (la_time)time.tv_usec * LA_MICROSECOND;
    *timeout = time.tv_sec < 0 ? 0 : is_for_ever ? LA_TIME_NEVER : asked;
    return 0;
}

static int set_congestion(const void *value, socklen_t length)
{
    size_t named = strnlen(value, length);
    return named == sizeof CONGESTION - 1 && memcmp(value, CONGESTION, named) == 0 ? 0 : -ENOENT;
}

/* ---- setsockopt ---- */

static int set_socket_option(struct sockets *sockets, la_time now, struct file *file, int option, int value)
{
    struct socket *socket = &file->socket;
    struct socket_options *options = &socket->options;
    switch (option) {
    case SO_REUSEADDR: options->reuse_address = value != 0; return 0;
    case SO_REUSEPORT: options->reuse_port = value != 0; return 0;
    case SO_KEEPALIVE: return give_host(sockets, now, socket, LA_OPTION_KEEPALIVE, value != 0);
    case SO_SNDBUF: return set_send_buffer(sockets, now, socket, value);
    case SO_RCVBUF: return set_receive_buffer(sockets, now, socket, value);
    case SO_RCVLOWAT: return set_low_water(sockets, file, value);
    case SO_OOBINLINE: options->oob_inline = value != 0; return 0;
    default: return -ENOPROTOOPT;
    }
}

static int set_tcp_option(struct sockets *sockets, la_time now, struct file *file, int option, int value)
{
    struct socket *socket = &file->socket;
    switch (option) {
    case TCP_NODELAY: return give_host(sockets, now, socket, LA_OPTION_NODELAY, value != 0);
    case TCP_CORK: return give_host(sockets, now, socket, LA_OPTION_PUSH, value == 0);
    case TCP_QUICKACK: return give_host(sockets, now, socket, LA_OPTION_QUICK_ACK, value != 0);
    case TCP_MAXSEG: return set_max_segment(sockets, now, socket, value);
    case TCP_KEEPIDLE: return set_seconds(sockets, now, socket, LA_OPTION_KEEPALIVE_IDLE_MS, value);
    case TCP_KEEPINTVL: return set_seconds(sockets, now, socket, LA_OPTION_KEEPALIVE_INTERVAL_MS, value);
    case TCP_KEEPCNT: return set_keepalive_count(sockets, now, socket, value);
    case TCP_USER_TIMEOUT: return set_user_timeout(sockets, now, socket, value);
    case TCP_WINDOW_CLAMP: return set_window_clamp(sockets, now, socket, value);
    case TCP_SYNCNT: return set_syn_count(socket, value);
    case TCP_NOTSENT_LOWAT: return set_not_sent_low_water(sockets, file, value);
    default: return -ENOPROTOOPT;
    }
}

static int set_ipv6_only(const struct sockets *sockets, struct socket *socket, int value)
{
    if (socket->family != AF_INET6) {
        return -ENOPROTOOPT;
    }
    if (socket->local.port != 0 || socket_state(sockets, socket) != LA_CLOSED) {
        return -EINVAL;
    }
    socket->options.ipv6_only = value != 0;
    return 0;
}

/* Those that are no int. 1: it is none of them. */
static int set_other_option(struct socket *socket, int level, int option, const void *value, socklen_t length)
{
    if (level == SOL_SOCKET && option == SO_LINGER) {
        return set_linger(socket, value, length);
    }
    if (level == SOL_SOCKET && option == SO_RCVTIMEO) {
        return set_timeout(&socket->options.receive_timeout, value, length);
    }
    if (level == SOL_SOCKET && option == SO_SNDTIMEO) {
        return set_timeout(&socket->options.send_timeout, value, length);
    }
    if (level == IPPROTO_TCP && option == TCP_CONGESTION) {
        return length < 1 ? -EINVAL : set_congestion(value, length);
    }
    return 1;
}

int sockets_setsockopt(struct sockets *sockets, la_time now, int fd, int level, int option, const void *value,
                       socklen_t length)
{
    struct file *file = NULL;
    int error = socket_of(sockets, now, fd, &file);
    if (error != 0) {
        return error;
    }
    if (value == NULL) {
        return -EFAULT;
    }
    error = set_other_option(&file->socket, level, option, value, length);
    if (error != 1) {
        return error;
    }
    if (level == IPPROTO_IP || (level == IPPROTO_IPV6 && option != IPV6_V6ONLY)) {
        return ip_option_set(sockets, now, &file->socket, level, option, value, length);
    }
    int number = 0;
    if (length < sizeof number) {
        return -EINVAL;
    }
    memcpy(&number, value, sizeof number);
    switch (level) {
    case SOL_SOCKET: return set_socket_option(sockets, now, file, option, number);
    case IPPROTO_TCP: return set_tcp_option(sockets, now, file, option, number);
    case IPPROTO_IPV6: return set_ipv6_only(sockets, &file->socket, number);
    default: return -ENOPROTOOPT;
    }
}

/* ---- getsockopt ---- */

static int get_socket_option(const struct sockets *sockets, struct socket *socket, int option, int *value)
{
    const struct socket_options *options = &socket->options;
    const int64_t *host = options->host;
    switch (option) {
    case SO_REUSEADDR: *value = options->reuse_address; return 0;
    case SO_REUSEPORT: *value = options->reuse_port; return 0;
    case SO_KEEPALIVE: *value = (int)host[LA_OPTION_KEEPALIVE]; return 0;
    case SO_SNDBUF: *value = (int)(2 * host[LA_OPTION_SEND_BUFFER_BYTES]); return 0;
    case SO_RCVBUF: *value = (int)(2 * options->receive_buffer); return 0;
    case SO_RCVLOWAT: *value = (int)options->receive_low_water; return 0;
    case SO_SNDLOWAT: *value = 1; return 0;
    case SO_OOBINLINE: *value = options->oob_inline; return 0;
    case SO_ERROR: *value = socket_take_error(socket); return 0;
    case SO_TYPE: *value = SOCK_STREAM; return 0;
    case SO_DOMAIN: *value = socket->family; return 0;
    case SO_PROTOCOL: *value = IPPROTO_TCP; return 0;
    case SO_ACCEPTCONN: *value = socket_state(sockets, socket) == LA_LISTEN; return 0;
    default: return -ENOPROTOOPT;
    }
}

/* Linux: what the connection sends; before there is one, what was asked for, or RFC 9293's 536. */
static int max_segment(const struct sockets *sockets, const struct socket *socket)
{
    if (socket->has_connection && !socket->is_over) {
        return (int)socket_info(sockets, socket).snd_mss;
    }
    return socket->options.max_segment != 0 ? socket->options.max_segment : 536;
}

static int syn_count(const struct socket_options *options)
{
    return options->syn_count != 0 ? options->syn_count : 6; /* tcp_syn_retries */
}

static int get_tcp_option(const struct sockets *sockets, const struct socket *socket, int option, int *value)
{
    const struct socket_options *options = &socket->options;
    const int64_t *host = options->host;
    switch (option) {
    case TCP_NODELAY: *value = (int)host[LA_OPTION_NODELAY]; return 0;
    case TCP_CORK: *value = host[LA_OPTION_PUSH] == 0; return 0;
    case TCP_QUICKACK: *value = (int)host[LA_OPTION_QUICK_ACK]; return 0;
    case TCP_MAXSEG: *value = max_segment(sockets, socket); return 0;
    case TCP_KEEPIDLE: *value = (int)(host[LA_OPTION_KEEPALIVE_IDLE_MS] / 1000); return 0;
    case TCP_KEEPINTVL: *value = (int)(host[LA_OPTION_KEEPALIVE_INTERVAL_MS] / 1000); return 0;
    case TCP_KEEPCNT: *value = (int)host[LA_OPTION_KEEPALIVE_PROBES]; return 0;
    case TCP_USER_TIMEOUT: *value = (int)options->user_timeout_ms; return 0;
    case TCP_WINDOW_CLAMP: *value = (int)options->window_clamp; return 0;
    case TCP_SYNCNT: *value = syn_count(options); return 0;
    case TCP_NOTSENT_LOWAT: *value = (int)options->not_sent_low_water; return 0;
    default: return -ENOPROTOOPT;
    }
}

static int get_number(const struct sockets *sockets, struct socket *socket, int level, int option, int *value)
{
    switch (level) {
    case SOL_SOCKET: return get_socket_option(sockets, socket, option, value);
    case IPPROTO_TCP: return get_tcp_option(sockets, socket, option, value);
    case IPPROTO_IP:
    case IPPROTO_IPV6: return ip_option_get(sockets, socket, level, option, value);
    default: return -EOPNOTSUPP;
    }
}

/* Writes as much as *length allows, and says in it how much that is. */
static int give(const void *from, size_t size, void *value, socklen_t *length)
{
    *length = *length < size ? *length : (socklen_t)size;
    memcpy(value, from, *length);
    return 0;
}

static int give_timeout(la_time timeout, void *value, socklen_t *length)
{
    struct timeval time = {0};
    if (timeout != LA_TIME_NEVER) {
        time.tv_sec = (time_t)(timeout / LA_SECOND);
        time.tv_usec = (suseconds_t)(timeout % LA_SECOND / LA_MICROSECOND);
    }
    return give(&time, sizeof time, value, length);
}

/* Those that are no int. 1: it is none of them. */
static int get_other_option(const struct sockets *sockets, const struct socket *socket, int level, int option,
                            void *value, socklen_t *length)
{
    const struct socket_options *options = &socket->options;
    if (level == SOL_SOCKET && option == SO_LINGER) {
        const struct linger linger = {options->lingers, options->linger_s};
        return give(&linger, sizeof linger, value, length);
    }
    if (level == SOL_SOCKET && option == SO_RCVTIMEO) {
        return give_timeout(options->receive_timeout, value, length);
    }
    if (level == SOL_SOCKET && option == SO_SNDTIMEO) {
        return give_timeout(options->send_timeout, value, length);
    }
    if (level == IPPROTO_TCP && option == TCP_INFO) {
        struct tcp_info info;
        information_fill(sockets, socket, &info);
        return give(&info, sizeof info, value, length);
    }
    if (level == IPPROTO_TCP && option == TCP_CONGESTION) {
        char name[16] = {0}; /* Linux's TCP_CA_NAME_MAX */
        memcpy(name, CONGESTION, sizeof CONGESTION);
        return give(name, sizeof name, value, length);
    }
    return 1;
}

int sockets_getsockopt(struct sockets *sockets, la_time now, int fd, int level, int option, void *value,
                       socklen_t *length)
{
    struct file *file = NULL;
    int error = socket_of(sockets, now, fd, &file);
    if (error != 0) {
        return error;
    }
    if (value == NULL || length == NULL) {
        return -EFAULT;
    }
    if (*length > INT32_MAX) {
        return -EINVAL;
    }
    error = get_other_option(sockets, &file->socket, level, option, value, length);
    if (error != 1) {
        return error;
    }
    int number = 0;
    error = get_number(sockets, &file->socket, level, option, &number);
    return error != 0 ? error : give(&number, sizeof number, value, length);
}
