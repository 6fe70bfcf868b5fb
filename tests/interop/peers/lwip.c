/* lwIP, as Debian has it, as a peer: a host on a TUN device of its own, to which the kernel routes lastack's packets.

     peer_lwip KERNEL OWN PREFIX-LENGTH connect|listen REMOTE PORT first|last|both SEND-FILE GOT-FILE

   One connection: sends one file, receives into the other. first: sends and closes, and makes GOT-FILE.closed when
   its FIN is acknowledged; last: closes when the other has; both: closes without looking. When no connection is left that
   is not in TIME-WAIT, it says on standard output how many are in it, and stays until none is: its last ACK may be lost.
   Exit status 0 if all went well. */

#include "link/tun.h"

#include <lastack/lastack.h>

#include <lwip/api.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/tcpip.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MTU = 1500, ROOM = 65536, STEP_MS = 5, PATIENCE_MS = 150000 /* longer than lwIP's TIME-WAIT of 120 s */ };

static struct tun tun = {.fd = -1};
static struct netif netif;

static _Noreturn void fail(const char *what, const char *why)
{
    fprintf(stderr, "peer_lwip: %s: %s\n", what, why);
    _exit(1);
}

static void check(const char *what, err_t error)
{
    if (error != ERR_OK)
        fail(what, lwip_strerr(error));
}

/* ---- the device -------------------------------------------------------------------------------------------------- */

static err_t send_packet(struct pbuf *packet)
{
    struct link_error error;
    uint8_t octets[MTU];
    u16_t length = pbuf_copy_partial(packet, octets, sizeof octets, 0);
    if (tun_write(&tun, octets, length, &error) < 0)
        fail("the device", error.text);
    return ERR_OK;
}

static err_t send_ipv4(struct netif *out, struct pbuf *packet, const ip4_addr_t *next)
{
    (void)out;
    (void)next;
    return send_packet(packet);
}

static err_t send_ipv6(struct netif *out, struct pbuf *packet, const ip6_addr_t *next)
{
    (void)out;
    (void)next;
    return send_packet(packet);
}

static err_t init_netif(struct netif *made)
{
    made->name[0] = 'l';
    made->name[1] = 'a';
    made->mtu = made->mtu6 = MTU;
    made->output = send_ipv4;
    made->output_ip6 = send_ipv6;
    return ERR_OK;
}

static void receive_packets(void *context)
{
    (void)context;
    for (;;) {
        struct link_error error;
        uint8_t octets[MTU];
        struct pollfd wait = {.fd = tun.fd, .events = POLLIN};
        poll(&wait, 1, -1);
        ssize_t length = tun_read(&tun, octets, sizeof octets, &error);
        if (length < 0)
            fail("the device", error.text);
        struct pbuf *packet = length > 0 ? pbuf_alloc(PBUF_RAW, (u16_t)length, PBUF_RAM)
                                         : NULL; /* a PBUF_POOL of Debian's build overflows */
        if (packet && (pbuf_take(packet, octets, (u16_t)length) != ERR_OK || netif.input(packet, &netif) != ERR_OK))
            pbuf_free(packet);
    }
}

static void open_device(const char *kernel, unsigned prefix_length)
{
    struct link_error error;
    struct la_address address;
    if (la_address_parse(kernel, &address) != LA_OK)
        fail(kernel, "is no address");
    if (tun_open(&tun, "lwip0", false, &error) < 0 || tun_up(&tun, &error) < 0 ||
        tun_set_address(&tun, &address, prefix_length, &error) < 0)
        fail("the device", error.text);
}

static void signal_ready(void *context)
{
    sys_sem_signal(context);
}

static void open_host(const char *own, unsigned prefix_length)
{
    ip_addr_t address;
    ip4_addr_t mask = {prefix_length < 32 ? PP_HTONL(~(0xffffffffu >> prefix_length)) : 0xffffffffu};
    sys_sem_t ready;
    sys_sem_new(&ready, 0);
    tcpip_init(signal_ready, &ready);
    sys_sem_wait(&ready);
    if (!ipaddr_aton(own, &address))
        fail(own, "is no address");
    LOCK_TCPIP_CORE();
    bool v4 = IP_IS_V4(&address);
    if (!netif_add(&netif, v4 ? ip_2_ip4(&address) : NULL, v4 ? &mask : NULL, NULL, NULL, init_netif, tcpip_input))
        fail(own, "lwIP takes no interface");
    netif_set_default(&netif);
    netif_set_link_up(&netif);
    netif_set_up(&netif);
    if (!v4) {
        netif_ip6_addr_set(&netif, 0, ip_2_ip6(&address));
        netif_ip6_addr_set_state(&netif, 0, IP6_ADDR_PREFERRED);
    }
    UNLOCK_TCPIP_CORE();
    sys_thread_new("device", receive_packets, NULL, 0, 0);
}

/* ---- the connection ---------------------------------------------------------------------------------------------- */

static struct netconn *open_connection(bool connects, const char *remote, u16_t port)
{
    ip_addr_t address;
    if (!ipaddr_aton(remote, &address))
        fail(remote, "is no address");
    struct netconn *conn = netconn_new(IP_IS_V4(&address) ? NETCONN_TCP : NETCONN_TCP_IPV6);
    if (!conn)
        fail("a connection", "no memory");
    if (connects) {
        check("connect", netconn_connect(conn, &address, port));
        return conn;
    }
    struct netconn *accepted;
    check("bind", netconn_bind(conn, IP_IS_V4(&address) ? IP4_ADDR_ANY : IP6_ADDR_ANY, port));
    check("listen", netconn_listen(conn));
    check("accept", netconn_accept(conn, &accepted));
    netconn_delete(conn);
    return accepted;
}

static void send_file(struct netconn *conn, const char *name)
{
    static uint8_t octets[ROOM];
    FILE *file = fopen(name, "rb");
    if (!file)
        fail(name, "cannot be read");
    for (size_t length; (length = fread(octets, 1, sizeof octets, file)) > 0;)
        check("write", netconn_write(conn, octets, length, NETCONN_COPY));
    fclose(file);
}

static void receive_file(struct netconn *conn, const char *name)
{
    struct pbuf *part;
    err_t error;
    FILE *file = fopen(name, "wb");
    if (!file)
        fail(name, "cannot be written");
    while ((error = netconn_recv_tcp_pbuf(conn, &part)) == ERR_OK) {
        for (const struct pbuf *piece = part; piece; piece = piece->next)
            fwrite(piece->payload, 1, piece->len, file);
        pbuf_free(part);
    }
    if (error != ERR_CLSD)
        fail("receive", lwip_strerr(error));
    if (fclose(file) != 0)
        fail(name, "not all could be written");
}

static bool is_closed(struct netconn *conn)
{
    LOCK_TCPIP_CORE();
    bool closed = conn->pcb.tcp && conn->pcb.tcp->state == FIN_WAIT_2;
    UNLOCK_TCPIP_CORE();
    return closed;
}

/* How many connections are in a list, which lwIP shows those who look inside. */
static unsigned count(struct tcp_pcb *const *list)
{
    unsigned number = 0;
    LOCK_TCPIP_CORE();
    for (const struct tcp_pcb *pcb = *list; pcb; pcb = pcb->next)
        number++;
    UNLOCK_TCPIP_CORE();
    return number;
}

static void wait_for_none(struct tcp_pcb *const *list)
{
    for (unsigned waited = 0; count(list) > 0; waited += STEP_MS) {
        if (waited > PATIENCE_MS)
            fail("close", "it did not end");
        sys_msleep(STEP_MS);
    }
}

static void tell_closed(struct netconn *conn, const char *got)
{
    char name[4096];
    for (unsigned waited = 0; !is_closed(conn); waited += STEP_MS) {
        if (waited > PATIENCE_MS)
            fail("close", "the FIN is not acknowledged");
        sys_msleep(STEP_MS);
    }
    snprintf(name, sizeof name, "%s.closed", got);
    FILE *file = fopen(name, "w");
    if (!file || fclose(file) != 0)
        fail(name, "cannot be written");
}

int main(int argc, char **argv)
{
    enum { KERNEL = 1, OWN, PREFIX, HOW, REMOTE, PORT, ORDER, SEND, GOT, COUNT };
    if (argc != COUNT)
        fail("usage", "KERNEL OWN PREFIX-LENGTH connect|listen REMOTE PORT first|last|both SEND-FILE GOT-FILE");
    unsigned prefix_length = (unsigned)strtoul(argv[PREFIX], NULL, 10);
    open_device(argv[KERNEL], prefix_length);
    open_host(argv[OWN], prefix_length);
    struct netconn *conn =
        open_connection(strcmp(argv[HOW], "connect") == 0, argv[REMOTE], (u16_t)strtoul(argv[PORT], NULL, 10));
    bool last = strcmp(argv[ORDER], "last") == 0;
    if (last)
        receive_file(conn, argv[GOT]);
    send_file(conn, argv[SEND]);
    if (!last) {
        check("shutdown", netconn_shutdown(conn, 0, 1));
        if (strcmp(argv[ORDER], "first") == 0)
            tell_closed(conn, argv[GOT]);
        receive_file(conn, argv[GOT]);
    }
    check("close", netconn_delete(conn));
    wait_for_none(&tcp_active_pcbs);
    printf("%u\n", count(&tcp_tw_pcbs));
    fflush(stdout);
    wait_for_none(&tcp_tw_pcbs);
    _exit(0); /* lwIP's threads have no end */
}
