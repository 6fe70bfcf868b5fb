#include "symbols.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

struct symbol {
    const char *name;
    int64_t value;
};

#define S(name)       \
    {                 \
#name, (name) \
    }

static const struct symbol symbols[] = {
    {"NULL", 0},
    S(AF_UNSPEC),
    S(AF_INET),
    S(AF_INET6),
    S(AF_PACKET),
    S(PF_INET),
    S(PF_INET6),
    S(SOCK_STREAM),
    S(SOCK_DGRAM),
    S(SOCK_RAW),
    S(SOCK_NONBLOCK),
    S(SOCK_CLOEXEC),
    S(IPPROTO_IP),
    S(IPPROTO_IPV6),
    S(IPPROTO_TCP),
    S(IPPROTO_UDP),
    S(IPPROTO_ICMP),
    S(IPPROTO_ICMPV6),
    S(IPPROTO_RAW),
    S(SHUT_RD),
    S(SHUT_WR),
    S(SHUT_RDWR),
    S(SOL_SOCKET),
    {"SOL_IP", IPPROTO_IP},
    {"SOL_IPV6", IPPROTO_IPV6},
    {"SOL_TCP", IPPROTO_TCP},
    {"SOL_UDP", IPPROTO_UDP},
    S(SO_ACCEPTCONN),
    S(SO_BINDTODEVICE),
    S(SO_BROADCAST),
    S(SO_DEBUG),
    S(SO_DOMAIN),
    S(SO_DONTROUTE),
    S(SO_ERROR),
    S(SO_KEEPALIVE),
    S(SO_LINGER),
    S(SO_MARK),
    S(SO_OOBINLINE),
    S(SO_PRIORITY),
    S(SO_PROTOCOL),
    S(SO_RCVBUF),
    S(SO_RCVBUFFORCE),
    S(SO_RCVLOWAT),
    S(SO_RCVTIMEO),
    S(SO_REUSEADDR),
    S(SO_REUSEPORT),
    S(SO_SNDBUF),
    S(SO_SNDBUFFORCE),
    S(SO_SNDLOWAT),
    S(SO_SNDTIMEO),
    S(SO_TIMESTAMP),
    S(SO_TIMESTAMPING),
    S(SO_TYPE),
    S(SO_ZEROCOPY),
    S(SO_MAX_PACING_RATE),
    S(IP_TOS),
    S(IP_TTL),
    S(IP_MTU),
    S(IP_MTU_DISCOVER),
    S(IP_PMTUDISC_DONT),
    S(IP_PMTUDISC_WANT),
    S(IP_PMTUDISC_DO),
    S(IP_PMTUDISC_PROBE),
    S(IP_RECVERR),
    S(IP_FREEBIND),
    S(IP_BIND_ADDRESS_NO_PORT),
    S(IPV6_V6ONLY),
    S(IPV6_TCLASS),
    S(IPV6_UNICAST_HOPS),
    S(IPV6_MTU),
    S(IPV6_MTU_DISCOVER),
    S(IPV6_RECVERR),
    {"IPV6_HOPLIMIT", IPV6_HOPLIMIT},
    S(TCP_NODELAY),
    S(TCP_MAXSEG),
    S(TCP_CORK),
    S(TCP_KEEPIDLE),
    S(TCP_KEEPINTVL),
    S(TCP_KEEPCNT),
    S(TCP_SYNCNT),
    S(TCP_LINGER2),
    S(TCP_DEFER_ACCEPT),
    S(TCP_WINDOW_CLAMP),
    S(TCP_INFO),
    S(TCP_QUICKACK),
    S(TCP_CONGESTION),
    S(TCP_MD5SIG),
    S(TCP_THIN_LINEAR_TIMEOUTS),
    S(TCP_THIN_DUPACK),
    S(TCP_USER_TIMEOUT),
    S(TCP_FASTOPEN),
    S(TCP_FASTOPEN_CONNECT),
    S(TCP_FASTOPEN_KEY),
    S(TCP_FASTOPEN_NO_COOKIE),
    S(TCP_TIMESTAMP),
    S(TCP_NOTSENT_LOWAT),
    S(TCP_INQ),
    S(TCP_CM_INQ),
    S(TCP_TX_DELAY),
    {"TCP_INFINITE_SSTHRESH", 0x7fffffff},
    S(O_RDONLY),
    S(O_WRONLY),
    S(O_RDWR),
    S(O_NONBLOCK),
    S(O_CLOEXEC),
    S(F_DUPFD),
    S(F_DUPFD_CLOEXEC),
    S(F_GETFD),
    S(F_SETFD),
    S(F_GETFL),
    S(F_SETFL),
    S(FD_CLOEXEC),
    S(MSG_OOB),
    S(MSG_DONTROUTE),
    S(MSG_PEEK),
    S(MSG_CTRUNC),
    S(MSG_EOR),
    S(MSG_WAITALL),
    S(MSG_TRUNC),
    S(MSG_ERRQUEUE),
    S(MSG_DONTWAIT),
    S(MSG_CONFIRM),
    S(MSG_NOSIGNAL),
    S(MSG_MORE),
    S(MSG_CMSG_CLOEXEC),
    S(MSG_FASTOPEN),
    S(MSG_ZEROCOPY),
    S(SIOCINQ),
    S(SIOCOUTQ),
    S(SIOCOUTQNSD),
    {"SIOCATMARK", 0x8905}, /* <asm/sockios.h> */
    S(FIONREAD),
    S(FIONBIO),
    S(TIOCOUTQ),
    S(POLLIN),
    S(POLLPRI),
    S(POLLOUT),
    S(POLLRDNORM),
    S(POLLRDBAND),
    S(POLLWRNORM),
    S(POLLWRBAND),
    S(POLLMSG),
    S(POLLRDHUP),
    S(POLLERR),
    S(POLLHUP),
    S(POLLNVAL),
    S(EPOLLIN),
    S(EPOLLPRI),
    S(EPOLLOUT),
    S(EPOLLRDNORM),
    S(EPOLLRDBAND),
    S(EPOLLWRNORM),
    S(EPOLLWRBAND),
    S(EPOLLMSG),
    S(EPOLLERR),
    S(EPOLLHUP),
    S(EPOLLRDHUP),
    {"EPOLLONESHOT", (int64_t)EPOLLONESHOT},
    {"EPOLLET", (int64_t)EPOLLET},
    {"EPOLLEXCLUSIVE", (int64_t)EPOLLEXCLUSIVE},
    S(EPOLL_CLOEXEC),
    S(EPOLL_CTL_ADD),
    S(EPOLL_CTL_MOD),
    S(EPOLL_CTL_DEL),
};

/* Where two names have one number, the one that answers are given by stands first. */
static const struct symbol errors[] = {
    S(EAGAIN),        S(EWOULDBLOCK),  S(EINPROGRESS),  S(ECONNREFUSED),
    S(ECONNRESET),    S(ECONNABORTED), S(EPIPE),        S(ETIMEDOUT),
    S(ENOTCONN),      S(EISCONN),      S(EALREADY),     S(EADDRINUSE),
    S(EADDRNOTAVAIL), S(EINVAL),       S(EBADF),        S(ENOTSOCK),
    S(EOPNOTSUPP),    S(ENOTSUP),      S(ENOPROTOOPT),  S(EPROTONOSUPPORT),
    S(EPROTOTYPE),    S(EAFNOSUPPORT), S(EPFNOSUPPORT), S(ESOCKTNOSUPPORT),
    S(EDESTADDRREQ),  S(EMSGSIZE),     S(ENOBUFS),      S(ENOMEM),
    S(EHOSTUNREACH),  S(ENETUNREACH),  S(ENETDOWN),     S(ENETRESET),
    S(EHOSTDOWN),     S(ESHUTDOWN),    S(ETOOMANYREFS), S(EINTR),
    S(EFAULT),        S(EACCES),       S(EPERM),        S(ENOENT),
    S(EEXIST),        S(EMFILE),       S(ENFILE),       S(ENOSPC),
    S(ESPIPE),        S(ENOTTY),       S(ENODEV),       S(ENXIO),
    S(EIO),           S(EBUSY),        S(EXDEV),        S(ENOTDIR),
    S(EISDIR),        S(EFBIG),        S(EROFS),        S(EDOM),
    S(ERANGE),        S(EDEADLK),      S(ENAMETOOLONG), S(ENOSYS),
    S(ELOOP),         S(ENODATA),      S(ETIME),        S(ENOLINK),
    S(EPROTO),        S(EBADMSG),      S(EOVERFLOW),    S(EILSEQ),
    S(EUSERS),        S(ESTALE),       S(ECANCELED),    S(ENOKEY),
    S(EREMOTEIO),     S(ENOMSG),       S(ESRCH),        S(E2BIG),
    S(ENOEXEC),       S(ECHILD),       S(ENOTBLK),      S(EMLINK),
    S(ETXTBSY),       S(ENOLCK),       S(ENOTEMPTY),    S(EDQUOT),
};

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static bool look_up(const struct symbol *table, size_t count, const char *name, int64_t *value)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(table[i].name, name) == 0) {
            *value = table[i].value;
            return true;
        }
    }
    return false;
}

bool symbol_value(const char *name, int64_t *value)
{
    return look_up(symbols, COUNT(symbols), name, value) || look_up(errors, COUNT(errors), name, value);
}

const char *errno_name(int error)
{
    for (size_t i = 0; i < COUNT(errors); i++)
        if (errors[i].value == error)
            return errors[i].name;
    return NULL;
}

int errno_number(const char *name)
{
    int64_t value = 0;
    return look_up(errors, COUNT(errors), name, &value) ? (int)value : 0;
}

const char *poll_mask_text(unsigned mask, const char *prefix, char *text, size_t size)
{
    static const struct symbol bits[] = {{"IN", POLLIN},         {"PRI", POLLPRI},       {"OUT", POLLOUT},
                                         {"ERR", POLLERR},       {"HUP", POLLHUP},       {"NVAL", POLLNVAL},
                                         {"RDNORM", POLLRDNORM}, {"RDBAND", POLLRDBAND}, {"WRNORM", POLLWRNORM},
                                         {"WRBAND", POLLWRBAND}, {"MSG", POLLMSG},       {"RDHUP", POLLRDHUP}};
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < COUNT(bits); i++) {
        unsigned bit = (unsigned)bits[i].value;
        if ((mask & bit) == 0)
            continue;
        used += (size_t)snprintf(text + used, size - used, "%s%s%s", used > 0 ? "|" : "", prefix, bits[i].name);
        mask &= ~bit;
        if (used >= size)
            return text;
    }
    if (mask != 0)
        snprintf(text + used, size - used, "%s0x%x", used > 0 ? "|" : "", mask);
    else if (used == 0)
        snprintf(text, size, "0");
    return text;
}
