#include "rtnetlink.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <libmnl/libmnl.h>

/* Sends one request and waits for the kernel's answer, which callback sees if it is more than an acknowledgment. what
   completes "tun0: could not ...". */
static int ask_for(struct nlmsghdr *request, mnl_cb_t callback, void *data, const char *name, const char *what,
                   struct link_error *error)
{
    /* libmnl's MNL_SOCKET_BUFFER_SIZE is not a constant. An acknowledgment is small. */
    _Alignas(struct nlmsghdr) char answer[8192];
    struct mnl_socket *socket = mnl_socket_open(NETLINK_ROUTE);
    if (socket == NULL)
        return link_fail(error, "%s: could not %s: netlink: %s", name, what, strerror(errno));
    request->nlmsg_flags |= NLM_F_REQUEST | (callback == NULL ? NLM_F_ACK : 0);
    request->nlmsg_seq = 1;
    int result = -1;
    if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0 &&
        mnl_socket_sendto(socket, request, request->nlmsg_len) >= 0) {
        ssize_t length = mnl_socket_recvfrom(socket, answer, sizeof answer);
        if (length >= 0)
            result = mnl_cb_run(answer, (size_t)length, 1, mnl_socket_get_portid(socket), callback, data);
    }
    int why = errno;
    mnl_socket_close(socket);
    if (result >= 0)
        return 0;
    return link_fail(error, "%s: could not %s: %s%s", name, what, strerror(why),
                     why == EPERM ? ": run as root or with --netns" : "");
}

static int ask(struct nlmsghdr *request, const char *name, const char *what, struct link_error *error)
{
    return ask_for(request, NULL, NULL, name, what, error);
}

static struct ifinfomsg *link_request(char *buffer, int index)
{
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    header->nlmsg_type = RTM_NEWLINK;
    struct ifinfomsg *info = mnl_nlmsg_put_extra_header(header, sizeof *info);
    info->ifi_family = AF_UNSPEC;
    info->ifi_index = index;
    return info;
}

int rtnetlink_set_mtu(int index, unsigned mtu, const char *name, struct link_error *error)
{
    _Alignas(struct nlmsghdr) char buffer[256] = {0};
    link_request(buffer, index);
    mnl_attr_put_u32((struct nlmsghdr *)buffer, IFLA_MTU, mtu);
    return ask((struct nlmsghdr *)buffer, name, "set the MTU", error);
}

int rtnetlink_set_up(int index, const char *name, struct link_error *error)
{
    _Alignas(struct nlmsghdr) char buffer[256] = {0};
    struct ifinfomsg *info = link_request(buffer, index);
    info->ifi_flags = IFF_UP;
    info->ifi_change = IFF_UP;
    return ask((struct nlmsghdr *)buffer, name, "bring it up", error);
}

static bool is_ipv4(const struct la_address *address)
{
    static const uint8_t prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return memcmp(address->octets, prefix, sizeof prefix) == 0;
}

static int on_route(const struct nlmsghdr *answer, void *data)
{
    const struct rtmsg *route = mnl_nlmsg_get_payload(answer);
    *(bool *)data = answer->nlmsg_type == RTM_NEWROUTE && route->rtm_type == RTN_LOCAL;
    return MNL_CB_OK;
}

/* The kernel takes packets to a new address of IPv6 a little later than it says so: the route to itself comes from its
   work queue. Until then what we sent to it would be lost. */
static int await_ipv6_address(const struct la_address *address, const char *name, struct link_error *error)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    bool is_local = false;
    for (int i = 0; i < 1000 && !is_local; i++) {
        _Alignas(struct nlmsghdr) char buffer[256] = {0};
        struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
        header->nlmsg_type = RTM_GETROUTE;
        struct rtmsg *route = mnl_nlmsg_put_extra_header(header, sizeof *route);
        route->rtm_family = AF_INET6;
        route->rtm_dst_len = 128;
        mnl_attr_put(header, RTA_DST, sizeof address->octets, address->octets);
        if (i > 0)
            nanosleep(&pause, NULL);
        if (ask_for(header, on_route, &is_local, name, "ask for the route to its address", error) < 0)
            return -1;
    }
    return is_local ? 0 : link_fail(error, "%s: the kernel does not take its own address", name);
}

int rtnetlink_add_address(int index, const struct la_address *address, unsigned prefix_length, const char *name,
                          struct link_error *error)
{
    _Alignas(struct nlmsghdr) char buffer[256] = {0};
    bool ipv4 = is_ipv4(address);
    const uint8_t *octets = ipv4 ? address->octets + 12 : address->octets;
    size_t length = ipv4 ? 4 : 16;
    if (prefix_length > length * 8)
        return link_fail(error, "%s: a prefix of %u bits is too long for its address", name, prefix_length);
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    header->nlmsg_type = RTM_NEWADDR;
    header->nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE;
    struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(header, sizeof *info);
    info->ifa_family = ipv4 ? AF_INET : AF_INET6;
    info->ifa_prefixlen = (uint8_t)prefix_length;
    info->ifa_index = (unsigned)index;
    if (!ipv4)
        info->ifa_flags = IFA_F_NODAD; /* nobody else is on the device: the address is usable at once */
    mnl_attr_put(header, IFA_LOCAL, length, octets);
    mnl_attr_put(header, IFA_ADDRESS, length, octets);
    if (ask(header, name, "set its address", error) < 0)
        return -1;
    return ipv4 ? 0 : await_ipv6_address(address, name, error);
}
