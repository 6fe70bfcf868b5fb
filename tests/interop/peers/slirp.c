/* libslirp, as Debian has it, as a peer: a router without privilege, whose TCP ends lastack's connections and carries their
   octets on sockets of the kernel's. It stands behind a TUN device of its own; libslirp wants Ethernet, so each packet gets
   a header, and what libslirp asks of its guest (ARP, neighbour solicitations) is answered here.

     peer_slirp NETWORK HOST GUEST PORT [FORWARD-PORT]

   NETWORK is a prefix of 24 (IPv6: 64) bits, in which HOST is libslirp itself (to it: the loopback address) and GUEST is
   lastack. Connections to the loopback address and FORWARD-PORT go to GUEST and PORT. Says "ready" when the device is up,
   and "closed" when there was a connection and none is left that is not in TIME-WAIT; runs until it is ended. */

#include "link/tun.h"

#include <lastack/lastack.h>

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/ip6.h>
#include <poll.h>
#include <slirp/libslirp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MTU = 1500, POLLED = 64, NS_IN_MS = 1000000, HEADER = sizeof(struct ether_header), LONGEST_MS = 1000 };

static const uint8_t guest_mac[ETH_ALEN] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};

struct timer {
    SlirpTimerCb fire;
    void *context;
    int64_t due_ms; /* -1: not set */
};

static struct tun tun = {.fd = -1};
static Slirp *slirp;
static struct timer timer = {.due_ms = -1}; /* libslirp has one: of router advertisements */
static struct pollfd polled[POLLED];
static int polled_count;

static _Noreturn void fail(const char *what, const char *why)
{
    fprintf(stderr, "peer_slirp: %s: %s\n", what, why);
    exit(1);
}

static void to_kernel(const void *packet, size_t length)
{
    struct link_error error;
    if (tun_write(&tun, packet, length, &error) < 0)
        fail("the device", error.text);
}

static void to_slirp(uint16_t type, const void *packet, size_t length)
{
    uint8_t frame[HEADER + MTU];
    struct ether_header header = {.ether_type = htons(type)};
    memset(header.ether_dhost, 0xff, ETH_ALEN);
    memcpy(header.ether_shost, guest_mac, ETH_ALEN);
    memcpy(frame, &header, HEADER);
    memcpy(frame + HEADER, packet, length);
    slirp_input(slirp, frame, (int)(HEADER + length));
}

/* ---- the guest's own address ------------------------------------------------------------------------------------- */

static void answer_arp(const void *packet, size_t length)
{
    struct ether_arp request, reply;
    if (length < sizeof request)
        return;
    memcpy(&request, packet, sizeof request);
    if (request.arp_op != htons(ARPOP_REQUEST))
        return;
    reply = request;
    reply.arp_op = htons(ARPOP_REPLY);
    memcpy(reply.arp_sha, guest_mac, ETH_ALEN);
    memcpy(reply.arp_spa, request.arp_tpa, sizeof reply.arp_spa);
    memcpy(reply.arp_tha, request.arp_sha, ETH_ALEN);
    memcpy(reply.arp_tpa, request.arp_spa, sizeof reply.arp_tpa);
    to_slirp(ETHERTYPE_ARP, &reply, sizeof reply);
}

/* RFC 4861 4.4: an advertisement, with the target's link-layer address. */
struct advertisement {
    struct ip6_hdr ip;
    struct nd_neighbor_advert message;
    struct nd_opt_hdr option;
    uint8_t mac[ETH_ALEN];
};

/* RFC 4443 2.3: over the pseudo-header and the message. */
static uint16_t icmpv6_checksum(const struct advertisement *packet)
{
    uint8_t octets[sizeof *packet];
    uint32_t sum = IPPROTO_ICMPV6 + sizeof *packet - sizeof packet->ip;
    memcpy(octets, packet, sizeof octets);
    for (size_t i = offsetof(struct ip6_hdr, ip6_src); i < sizeof octets; i += 2)
        sum += (uint32_t)octets[i] << 8 | octets[i + 1];
    sum = (sum & 0xffff) + (sum >> 16);
    return htons((uint16_t) ~((sum & 0xffff) + (sum >> 16)));
}

/* True if it was a neighbour solicitation, which is not for lastack: there are no neighbours where it stands. */
static bool answer_solicitation(const void *packet, size_t length)
{
    struct ip6_hdr ip;
    struct nd_neighbor_solicit asked;
    if (length < sizeof ip + sizeof asked)
        return false;
    memcpy(&ip, packet, sizeof ip);
    memcpy(&asked, (const uint8_t *)packet + sizeof ip, sizeof asked);
    if (ip.ip6_nxt != IPPROTO_ICMPV6 || asked.nd_ns_type != ND_NEIGHBOR_SOLICIT)
        return false;
    struct advertisement answer = {.ip = {.ip6_dst = ip.ip6_src, .ip6_src = asked.nd_ns_target}};
    answer.ip.ip6_vfc = 0x60;
    answer.ip.ip6_plen = htons(sizeof answer - sizeof answer.ip);
    answer.ip.ip6_nxt = IPPROTO_ICMPV6;
    answer.ip.ip6_hlim = 255;
    answer.message.nd_na_type = ND_NEIGHBOR_ADVERT;
    answer.message.nd_na_flags_reserved = ND_NA_FLAG_SOLICITED | ND_NA_FLAG_OVERRIDE;
    answer.message.nd_na_target = asked.nd_ns_target;
    answer.option = (struct nd_opt_hdr){ND_OPT_TARGET_LINKADDR, 1};
    memcpy(answer.mac, guest_mac, ETH_ALEN);
    answer.message.nd_na_cksum = icmpv6_checksum(&answer);
    to_slirp(ETHERTYPE_IPV6, &answer, sizeof answer);
    return true;
}

/* ---- what libslirp asks for -------------------------------------------------------------------------------------- */

static ssize_t send_packet(const void *frame, size_t length, void *context)
{
    struct ether_header header;
    (void)context;
    if (length < HEADER)
        return -1;
    memcpy(&header, frame, HEADER);
    const uint8_t *packet = (const uint8_t *)frame + HEADER;
    uint16_t type = ntohs(header.ether_type);
    if (type == ETHERTYPE_ARP)
        answer_arp(packet, length - HEADER);
    else if (type == ETHERTYPE_IP || !answer_solicitation(packet, length - HEADER))
        to_kernel(packet, length - HEADER);
    return (ssize_t)length;
}

static void guest_error(const char *message, void *context)
{
    (void)context;
    fprintf(stderr, "peer_slirp: libslirp: %s\n", message);
}

static int64_t now_ns(void *context)
{
    struct timespec now;
    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void *timer_new(SlirpTimerCb fire, void *fire_context, void *context)
{
    (void)context;
    timer = (struct timer){fire, fire_context, -1};
    return &timer;
}

static void timer_free(void *which, void *context)
{
    (void)context;
    ((struct timer *)which)->due_ms = -1;
}

static void timer_mod(void *which, int64_t due_ms, void *context)
{
    (void)context;
    ((struct timer *)which)->due_ms = due_ms;
}

static void poll_fd(int fd, void *context)
{
    (void)fd; /* all are asked about each time */
    (void)context;
}

static void notify(void *context)
{
    (void)context;
}

static int add_poll(int fd, int events, void *context)
{
    short wanted = (short)(((events & SLIRP_POLL_IN) ? POLLIN : 0) | ((events & SLIRP_POLL_OUT) ? POLLOUT : 0) |
                           ((events & SLIRP_POLL_PRI) ? POLLPRI : 0));
    (void)context;
    if (polled_count == POLLED)
        fail("poll", "too many sockets");
    polled[polled_count] = (struct pollfd){.fd = fd, .events = wanted};
    return polled_count++;
}

static int revents_of(int index, void *context)
{
    int seen = polled[index].revents;
    (void)context;
    return ((seen & POLLIN) ? SLIRP_POLL_IN : 0) | ((seen & POLLOUT) ? SLIRP_POLL_OUT : 0) |
           ((seen & POLLPRI) ? SLIRP_POLL_PRI : 0) | ((seen & POLLERR) ? SLIRP_POLL_ERR : 0) |
           ((seen & POLLHUP) ? SLIRP_POLL_HUP : 0);
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static void from_kernel(void)
{
    struct link_error error;
    uint8_t packet[MTU];
    ssize_t length;
    while ((length = tun_read(&tun, packet, sizeof packet, &error)) > 0)
        to_slirp(packet[0] >> 4 == 4 ? ETHERTYPE_IP : ETHERTYPE_IPV6, packet, (size_t)length);
    if (length < 0)
        fail("the device", error.text);
}

static unsigned count(const char *text, const char *what)
{
    unsigned found = 0;
    for (const char *at = text; (at = strstr(at, what)); at++)
        found++;
    return found;
}

/* Says so once the connection that was seen has nothing to send again. */
static void tell_closed(void)
{
    static bool seen, told;
    char *text = slirp_connection_info(slirp);
    unsigned connections = count(text, "TCP[") - count(text, "TCP[HOST_FORWARD]");
    bool open = connections > count(text, "TCP[TIME_WAIT]");
    free(text);
    if (seen && !open && !told) {
        puts("closed");
        fflush(stdout);
        told = true;
    }
    seen |= open;
}

static void run(void)
{
    for (;;) {
        uint32_t wait_ms = LONGEST_MS;
        polled_count = 0;
        add_poll(tun.fd, SLIRP_POLL_IN, NULL);
        slirp_pollfds_fill(slirp, &wait_ms, add_poll, NULL);
        int result = poll(polled, (nfds_t)polled_count, (int)wait_ms);
        if (result > 0 && polled[0].revents)
            from_kernel();
        slirp_pollfds_poll(slirp, result < 0, revents_of, NULL);
        if (timer.due_ms >= 0 && timer.due_ms <= now_ns(NULL) / NS_IN_MS) {
            timer.due_ms = -1;
            timer.fire(timer.context);
        }
        tell_closed();
    }
}

static void parse(int family, const char *text, void *address)
{
    if (inet_pton(family, text, address) != 1)
        fail(text, "is no address");
}

static void open_slirp(bool v4, const char *network, const char *host, const char *guest)
{
    static const SlirpCb callbacks = {.send_packet = send_packet,
                                      .guest_error = guest_error,
                                      .clock_get_ns = now_ns,
                                      .timer_new = timer_new,
                                      .timer_free = timer_free,
                                      .timer_mod = timer_mod,
                                      .register_poll_fd = poll_fd,
                                      .unregister_poll_fd = poll_fd,
                                      .notify = notify};
    SlirpConfig config = {.version = 1, .in_enabled = v4, .in6_enabled = !v4, .if_mtu = MTU, .if_mru = MTU};
    if (v4) {
        parse(AF_INET, network, &config.vnetwork);
        parse(AF_INET, host, &config.vhost);
        parse(AF_INET, guest, &config.vdhcp_start);
        config.vnetmask.s_addr = htonl(0xffffff00);
        config.vnameserver.s_addr = config.vhost.s_addr ^ htonl(0x80);
    } else {
        parse(AF_INET6, network, &config.vprefix_addr6);
        parse(AF_INET6, host, &config.vhost6);
        config.vprefix_len = 64;
        config.vnameserver6 = config.vhost6;
        config.vnameserver6.s6_addr[15] ^= 0x80;
    }
    slirp = slirp_new(&config, &callbacks, NULL);
    if (!slirp)
        fail("libslirp", "cannot be made");
}

static void forward(bool v4, const char *guest, uint16_t port, uint16_t from)
{
    struct sockaddr_in here4 = {.sin_family = AF_INET, .sin_port = htons(from)}, guest4 = here4;
    struct sockaddr_in6 here6 = {.sin6_family = AF_INET6, .sin6_port = htons(from)}, guest6 = here6;
    here4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    here6.sin6_addr = in6addr_loopback;
    guest4.sin_port = guest6.sin6_port = htons(port);
    int result;
    if (v4) {
        parse(AF_INET, guest, &guest4.sin_addr);
        result = slirp_add_hostxfwd(slirp, (struct sockaddr *)&here4, sizeof here4, (struct sockaddr *)&guest4,
                                    sizeof guest4, 0);
    } else {
        parse(AF_INET6, guest, &guest6.sin6_addr);
        result = slirp_add_hostxfwd(slirp, (struct sockaddr *)&here6, sizeof here6, (struct sockaddr *)&guest6,
                                    sizeof guest6, SLIRP_HOSTFWD_V6ONLY);
    }
    if (result < 0)
        fail("forward", "libslirp cannot listen there");
}

int main(int argc, char **argv)
{
    enum { NETWORK = 1, HOST, GUEST, PORT, FORWARD };
    struct link_error error;
    if (argc != FORWARD && argc != FORWARD + 1)
        fail("usage", "NETWORK HOST GUEST PORT [FORWARD-PORT]");
    bool v4 = strchr(argv[GUEST], ':') == NULL;
    if (tun_open(&tun, "slirp0", false, &error) < 0 || tun_up(&tun, &error) < 0)
        fail("the device", error.text);
    open_slirp(v4, argv[NETWORK], argv[HOST], argv[GUEST]);
    if (argc > FORWARD)
        forward(v4, argv[GUEST], (uint16_t)strtoul(argv[PORT], NULL, 10), (uint16_t)strtoul(argv[FORWARD], NULL, 10));
    puts("ready");
    fflush(stdout);
    run();
}
