#include "sockdiag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>

/* The kernel's twelfth state, TCP_NEW_SYN_RECV, is not in <netinet/tcp.h>. */
#define KERNEL_NEW_SYN_RECEIVED 12

struct sockdiag {
    struct mnl_socket *socket;
    unsigned sequence;
    _Alignas(struct nlmsghdr) char buffer[32768];
};

struct sockdiag *sockdiag_open(struct link_error *error)
{
    struct sockdiag *diag = calloc(1, sizeof *diag);
    if (diag == NULL) {
        link_fail(error, "sock_diag: out of memory");
        return NULL;
    }
    diag->socket = mnl_socket_open(NETLINK_SOCK_DIAG);
    if (diag->socket == NULL || mnl_socket_bind(diag->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
        link_fail(error, "sock_diag: %s", strerror(errno));
        sockdiag_close(diag);
        return NULL;
    }
    return diag;
}

void sockdiag_close(struct sockdiag *diag)
{
    if (diag == NULL)
        return;
    if (diag->socket != NULL)
        mnl_socket_close(diag->socket);
    free(diag);
}

static enum la_state state_of(uint8_t kernel)
{
    switch (kernel) {
    case TCP_ESTABLISHED: return LA_ESTABLISHED;
    case TCP_SYN_SENT: return LA_SYN_SENT;
    case TCP_SYN_RECV:
    case KERNEL_NEW_SYN_RECEIVED: return LA_SYN_RECEIVED;
    case TCP_FIN_WAIT1: return LA_FIN_WAIT_1;
    case TCP_FIN_WAIT2: return LA_FIN_WAIT_2;
    case TCP_TIME_WAIT: return LA_TIME_WAIT;
    case TCP_CLOSE_WAIT: return LA_CLOSE_WAIT;
    case TCP_LAST_ACK: return LA_LAST_ACK;
    case TCP_LISTEN: return LA_LISTEN;
    case TCP_CLOSING: return LA_CLOSING;
    default: return LA_CLOSED;
    }
}

static struct la_endpoint endpoint_of(uint8_t family, const uint32_t *words, uint16_t port)
{
    struct la_endpoint endpoint = {.port = ntohs(port)};
    if (family == AF_INET6) {
        memcpy(endpoint.address.octets, words, 16);
        return endpoint;
    }
    if (words[0] != 0) /* all zero is "any" in either family */
        endpoint.address.octets[10] = endpoint.address.octets[11] = 0xff;
    memcpy(endpoint.address.octets + 12, words, 4);
    return endpoint;
}

static struct sockdiag_socket socket_of(const struct inet_diag_msg *message)
{
    struct sockdiag_socket socket = {
        .local = endpoint_of(message->idiag_family, message->id.idiag_src, message->id.idiag_sport),
        .remote = endpoint_of(message->idiag_family, message->id.idiag_dst, message->id.idiag_dport),
        .state = state_of(message->idiag_state),
        .timer = message->idiag_timer <= SOCKDIAG_TIMER_PERSIST ? (enum sockdiag_timer)message->idiag_timer
                                                                : SOCKDIAG_TIMER_NONE,
        .timer_ms = message->idiag_expires,
        .retransmits = message->idiag_retrans,
        .receive_queue = message->idiag_rqueue,
        .send_queue = message->idiag_wqueue,
        .inode = message->idiag_inode,
    };
    return socket;
}

/* Where a dump's sockets go. */
struct gathering {
    const struct la_address *local;
    const struct la_address *remote;
    struct sockdiag_socket *sockets;
    size_t capacity;
    size_t count;
};

static bool matches(const struct la_address *wanted, const struct la_address *address)
{
    static const struct la_address any;
    return wanted == NULL || memcmp(wanted, &any, sizeof any) == 0 || memcmp(wanted, address, sizeof any) == 0;
}

static int gather(const struct nlmsghdr *header, void *context)
{
    struct gathering *gathering = context;
    if (mnl_nlmsg_get_payload_len(header) < sizeof(struct inet_diag_msg))
        return MNL_CB_OK;
    struct sockdiag_socket socket = socket_of(mnl_nlmsg_get_payload(header));
    if (!matches(gathering->local, &socket.local.address) || !matches(gathering->remote, &socket.remote.address))
        return MNL_CB_OK;
    if (gathering->count < gathering->capacity)
        gathering->sockets[gathering->count] = socket;
    gathering->count++;
    return MNL_CB_OK;
}

/* Sends the request and gathers the answers. 0, or the kernel's errno. */
static int ask(struct sockdiag *diag, const struct inet_diag_req_v2 *request, bool dump, struct gathering *gathering)
{
    _Alignas(struct nlmsghdr) char buffer[256] = {0};
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    header->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | (dump ? NLM_F_DUMP : NLM_F_ACK));
    header->nlmsg_seq = ++diag->sequence;
    memcpy(mnl_nlmsg_put_extra_header(header, sizeof *request), request, sizeof *request);
    if (mnl_socket_sendto(diag->socket, header, header->nlmsg_len) < 0)
        return errno;
    int more = MNL_CB_OK;
    while (more > MNL_CB_STOP) {
        ssize_t length = mnl_socket_recvfrom(diag->socket, diag->buffer, sizeof diag->buffer);
        if (length < 0)
            return errno;
        more = mnl_cb_run(diag->buffer, (size_t)length, diag->sequence, mnl_socket_get_portid(diag->socket), gather,
                          gathering);
    }
    return more < 0 ? errno : 0;
}

static bool is_ipv4(const struct la_address *address)
{
    static const uint8_t prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return memcmp(address->octets, prefix, sizeof prefix) == 0;
}

static void put_address(uint32_t words[4], const struct la_address *address)
{
    bool ipv4 = is_ipv4(address);
    memcpy(words, ipv4 ? address->octets + 12 : address->octets, ipv4 ? 4 : 16);
}

int sockdiag_find(struct sockdiag *diag, const struct la_endpoint *local, const struct la_endpoint *remote,
                  struct sockdiag_socket *socket, struct link_error *error)
{
    struct inet_diag_req_v2 request = {.sdiag_protocol = IPPROTO_TCP, .idiag_states = UINT32_MAX};
    request.sdiag_family = is_ipv4(&remote->address) ? AF_INET : AF_INET6;
    request.id.idiag_sport = htons(local->port);
    request.id.idiag_dport = htons(remote->port);
    request.id.idiag_cookie[0] = request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    put_address(request.id.idiag_src, &local->address);
    put_address(request.id.idiag_dst, &remote->address);
    struct gathering gathering = {.sockets = socket, .capacity = 1};
    int why = ask(diag, &request, false, &gathering);
    if (why != 0 && why != ENOENT)
        return link_fail(error, "sock_diag: %s", strerror(why));
    /* Without a connection the kernel may answer with the listener that a SYN would meet. */
    return gathering.count > 0 && (socket->state != LA_LISTEN || remote->port == 0) ? 1 : 0;
}

int sockdiag_dump(struct sockdiag *diag, const struct la_address *local, const struct la_address *remote,
                  struct sockdiag_socket *sockets, size_t capacity, struct link_error *error)
{
    static const uint8_t families[] = {AF_INET, AF_INET6};
    struct gathering gathering = {local, remote, sockets, capacity, 0};
    for (size_t i = 0; i < sizeof families; i++) {
        struct inet_diag_req_v2 request = {
            .sdiag_family = families[i], .sdiag_protocol = IPPROTO_TCP, .idiag_states = UINT32_MAX};
        int why = ask(diag, &request, true, &gathering);
        if (why != 0 && why != ENOENT)
            return link_fail(error, "sock_diag: %s", strerror(why));
    }
    return (int)gathering.count;
}

const char *sockdiag_timer_name(enum sockdiag_timer timer)
{
    switch (timer) {
    case SOCKDIAG_TIMER_NONE: return "none";
    case SOCKDIAG_TIMER_RETRANSMIT: return "retransmit";
    case SOCKDIAG_TIMER_KEEPALIVE: return "keepalive";
    case SOCKDIAG_TIMER_TIME_WAIT: return "time-wait";
    case SOCKDIAG_TIMER_PERSIST: return "persist";
    }
    return "?";
}
