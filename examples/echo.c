/* Two hosts in one process, joined by nothing but function calls: one connects and says hello, the other echoes it; both
   close, and the one that closed first waits. Time is a number that this program chooses: the minute of TIME-WAIT takes
   no time at all.

     cc -std=c11 -o echo examples/echo.c $(pkg-config --cflags --libs lastack) */

#include <lastack/lastack.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MTU = 1500, PORT = 7 };

struct node {
    la_host *host;
    void *block;
    struct la_address address;
    struct la_listener listener; /* the server's */
    struct la_conn conn;
    bool is_server;
};

static la_time now;

static void fail(const char *what)
{
    fprintf(stderr, "echo: %s\n", what);
    exit(1);
}

static void node_open(struct node *node, uint8_t number)
{
    struct la_config config;
    la_config_default(&config);
    memset(config.key, number, sizeof config.key); /* so that every run is the same; a real host takes random octets */
    if (la_config_error(&config))
        fail(la_config_error(&config));
    size_t size = la_host_size(&config);
    size = (size + LA_HOST_ALIGNMENT - 1) / LA_HOST_ALIGNMENT * LA_HOST_ALIGNMENT; /* as aligned_alloc wants it */
    node->block = aligned_alloc(LA_HOST_ALIGNMENT, size);
    if (!node->block)
        fail("no memory");
    node->host = la_host_init(node->block, size, &config, now);
    node->address = la_address_ipv4(10, 0, 0, number);
    int interface = la_interface_add(node->host, now, MTU);
    if (interface < 0 || la_address_add(node->host, now, (unsigned)interface, &node->address, 24) < 0)
        fail("the interface could not be configured");
}

/* Reads until there is nothing more; the server sends back what it read. */
static void on_readable(struct node *node)
{
    char text[256];
    int n;
    while ((n = la_recv(node->host, now, node->conn, text, sizeof text)) > 0) {
        printf("%s got \"%.*s\"\n", node->is_server ? "server" : "client", n, text);
        if (node->is_server)
            la_send(node->host, now, node->conn, text, (size_t)n); /* a server in earnest looks at the count */
        else
            la_close(node->host, now, node->conn); /* all that was expected has come: closes first */
    }
    if (n == 0 && node->is_server)
        la_close(node->host, now, node->conn); /* the peer's FIN */
}

static void on_event(struct node *node, const struct la_event *event)
{
    if (event->flags & LA_READY_ACCEPTABLE)
        while (la_accept(node->host, now, event->listener, &node->conn) == LA_OK)
            printf("server accepted\n");
    if (event->flags & LA_READY_ESTABLISHED)
        if (!node->is_server)
            la_send(node->host, now, node->conn, "hello", 5);
    if (event->flags & LA_READY_READABLE)
        on_readable(node);
    if (event->flags & LA_READY_ENDED) {
        struct la_outcome outcome;
        la_outcome(node->host, event->conn, &outcome);
        printf("%s ended in %s: %s\n", node->is_server ? "server" : "client", la_state_name(outcome.state),
               la_end_name(outcome.end));
        la_release(node->host, now, event->conn);
    }
}

/* One turn of the driver's loop: timers, packets, events. The cable is the call of la_host_input. */
static bool turn(struct node *node, struct node *peer)
{
    static uint8_t packet[MTU];
    struct la_event event;
    bool worked = false;
    size_t n;
    la_host_advance(node->host, now);
    while (la_host_event(node->host, &event)) {
        on_event(node, &event);
        worked = true;
    }
    while ((n = la_host_output(node->host, now, 0, packet, sizeof packet)) > 0) {
        la_host_input(peer->host, now, 0, packet, n);
        worked = true;
    }
    return worked;
}

static void run(struct node *a, struct node *b)
{
    for (;;) {
        bool worked = true;
        while (worked) {
            worked = turn(a, b);
            worked |= turn(b, a);
        }
        la_time deadline = la_host_deadline(a->host);
        if (la_host_deadline(b->host) < deadline)
            deadline = la_host_deadline(b->host);
        if (deadline == LA_TIME_NEVER)
            return; /* nothing will ever happen by itself */
        if (deadline > now)
            now = deadline; /* where a program with a clock would sleep */
    }
}

int main(void)
{
    struct node client = {0};
    struct node server = {.is_server = true};
    node_open(&client, 1);
    node_open(&server, 2);

    const struct la_endpoint here = {.port = PORT}; /* every address of the server */
    const struct la_endpoint there = {server.address, PORT};
    if (la_listen(server.host, now, &here, 8, &server.listener) < 0)
        fail("listen");
    if (la_connect(client.host, now, NULL, &there, &client.conn) < 0)
        fail("connect");
    run(&client, &server);

    struct la_counters counters;
    la_host_counters(client.host, &counters);
    printf("quiet after %" PRIu64 " s; the client waited in TIME-WAIT %" PRIu64 " time(s)\n", now / LA_SECOND,
           counters.counter[LA_COUNT_WAIT_EXPIRED]);
    free(client.block);
    free(server.block);
    return 0;
}
