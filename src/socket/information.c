#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <sys/ioctl.h>

#include "sockets_private.h"

/* TCP_INFO, and ioctl. */

/* Linux's numbers of RFC 9293's states: enum tcp_state of its net/tcp_states.h. */
static uint8_t number_of(enum la_state state)
{
    static const uint8_t numbers[LA_STATE_COUNT] = {
        [LA_ESTABLISHED] = 1, [LA_SYN_SENT] = 2,  [LA_SYN_RECEIVED] = 3, [LA_FIN_WAIT_1] = 4,
        [LA_FIN_WAIT_2] = 5,  [LA_TIME_WAIT] = 6, [LA_CLOSED] = 7,       [LA_CLOSE_WAIT] = 8,
        [LA_LAST_ACK] = 9,    [LA_LISTEN] = 10,   [LA_CLOSING] = 11};
    return numbers[state];
}

static uint32_t segments(uint32_t octets, uint32_t mss)
{
    return mss == 0 ? 0 : octets / mss + (octets % mss != 0);
}

static void fill_listener(const struct sockets *sockets, const struct socket *socket, struct tcp_info *info)
{
    struct la_listener_info from;
    if (la_listener_info(sockets->host, socket->listener, &from) == LA_OK) {
        info->tcpi_unacked = from.queued;
        info->tcpi_sacked = from.backlog - 1;
    }
}

static uint32_t ssthresh(const struct la_info *from)
{
    const uint32_t infinite = 0x7fffffff; /* Linux's TCP_INFINITE_SSTHRESH */
    uint32_t whole = from->snd_mss == 0 ? infinite : from->snd_ssthresh_bytes / from->snd_mss;
    return from->snd_ssthresh_bytes >= infinite ? infinite : whole;
}

void information_fill(const struct sockets *sockets, const struct socket *socket, struct tcp_info *info)
{
    enum la_state state = socket_state(sockets, socket);
    *info = (struct tcp_info){.tcpi_state = number_of(state)};
    if (state == LA_LISTEN) {
        fill_listener(sockets, socket, info);
        return;
    }
    const struct la_info from = socket_info(sockets, socket);
    info->tcpi_retransmits = from.retransmits;
    info->tcpi_probes = from.probes;
    info->tcpi_options =
        (uint8_t)((from.timestamps ? TCPI_OPT_TIMESTAMPS : 0) | (from.wscale_ok ? TCPI_OPT_WSCALE : 0));
    info->tcpi_snd_wscale = from.snd_wscale & 0xfU;
    info->tcpi_rcv_wscale = from.rcv_wscale & 0xfU;
    info->tcpi_rto = from.rto_us;
    info->tcpi_ato = sockets->host_config.delayed_ack_ms * 1000U;
    info->tcpi_snd_mss = from.snd_mss;
    info->tcpi_rcv_mss = from.rcv_mss;
    info->tcpi_advmss = from.rcv_mss;
    info->tcpi_unacked = segments(from.unacked_bytes, from.snd_mss);
    info->tcpi_rtt = from.rtt_us;
    info->tcpi_rttvar = from.rttvar_us;
    info->tcpi_snd_ssthresh = ssthresh(&from);
    info->tcpi_snd_cwnd = from.snd_mss == 0 ? 0 : from.snd_cwnd_bytes / from.snd_mss;
    info->tcpi_rcv_space = from.rcv_wnd;
    info->tcpi_total_retrans = from.total_retrans;
    info->tcpi_bytes_acked = from.bytes_acked;
    info->tcpi_bytes_received = from.bytes_received;
    info->tcpi_notsent_bytes = from.notsent_bytes;
    info->tcpi_snd_wnd = from.snd_wnd;
}

/* ---- ioctl ---- */

static uint32_t to_be_sent(const struct la_info *info, bool is_unsent)
{
    return info->notsent_bytes + (is_unsent ? 0 : info->unacked_bytes);
}

/* Linux's tcp_inq: up to the mark. */
static uint32_t to_be_read(const struct socket *socket, const struct la_info *info)
{
    bool ends_at_mark = !socket->options.oob_inline && info->rcv_urgent_bytes > 0;
    uint32_t to_mark = ends_at_mark ? info->rcv_urgent_bytes - 1 : info->unread_bytes;
    return to_mark < info->unread_bytes ? to_mark : info->unread_bytes;
}

/* Linux's tcp_ioctl. */
static int count_octets(const struct sockets *sockets, const struct socket *socket, unsigned long request, int *count)
{
    enum la_state state = socket_state(sockets, socket);
    const struct la_info info = socket_info(sockets, socket);
    bool is_opening = state == LA_SYN_SENT || state == LA_SYN_RECEIVED;
    if (state == LA_LISTEN) {
        return -EINVAL;
    }
    if (request == SIOCINQ) {
        *count = is_opening ? 0 : (int)to_be_read(socket, &info);
    } else {
        *count = is_opening ? 0 : (int)to_be_sent(&info, request == SIOCOUTQNSD);
    }
    return 0;
}

int sockets_ioctl(struct sockets *sockets, la_time now, int fd, unsigned long request, void *argument)
{
    struct file *file = file_of(sockets, now, fd);
    int *number = argument;
    if (file == NULL) {
        return -EBADF;
    }
    if (number == NULL) {
        return -EFAULT;
    }
    if (request == FIONBIO) {
        file->flags = *number != 0 ? O_NONBLOCK : 0;
        return 0;
    }
    if (file->kind != FILE_SOCKET) {
        return -ENOTTY;
    }
    switch (request) {
    case SIOCINQ:
    case SIOCOUTQ:
    case SIOCOUTQNSD: return count_octets(sockets, &file->socket, request, number);
    case SIOCATMARK: *number = urgent_octets(sockets, &file->socket) == 1; return 0;
    default: return -ENOTTY;
    }
}
