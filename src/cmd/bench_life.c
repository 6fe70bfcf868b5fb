#include "bench_life.h"

#include "cmd.h"

#include <stddef.h>
#include <string.h>

enum { FIRST_PORT = 1024, FIRST_REMOTE_PORT = 8000, MTU = 1500 };

/* ---- one connection ---------------------------------------------------------------------------------------------- */

/* Three steps to open; the client's octet leaves with the last of them. */
static bool open_and_send(struct bench_life *life, struct la_conn *client)
{
    la_host *host = life->pair.host[BENCH_CLIENT];
    char octet = 'x';
    bool ok = la_connect(host, life->pair.now, &life->from, &life->to, client) == LA_OK &&
              la_send(host, life->pair.now, *client, &octet, 1) == 1;
    bench_pair_turn(&life->pair, BENCH_CLIENT);
    bench_pair_turn(&life->pair, BENCH_SERVER);
    bench_pair_turn(&life->pair, BENCH_CLIENT);
    return ok;
}

static bool answer(struct bench_life *life, struct la_listener listener, struct la_conn *server)
{
    la_host *host = life->pair.host[BENCH_SERVER];
    char octet;
    bool ok = la_accept(host, life->pair.now, listener, server) == LA_OK &&
              la_recv(host, life->pair.now, *server, &octet, 1) == 1 &&
              la_send(host, life->pair.now, *server, &octet, 1) == 1;
    bench_pair_turn(&life->pair, BENCH_SERVER);
    return ok;
}

/* Four steps in three segments: the server answers the client's FIN at once, so that its own FIN and the ACK leave
   together. */
static bool close_both(struct bench_life *life, const struct bench_connection *connection)
{
    la_host *a = life->pair.host[BENCH_CLIENT], *b = life->pair.host[BENCH_SERVER];
    char octet;
    bool ok = la_recv(a, life->pair.now, connection->client, &octet, 1) == 1 &&
              la_close(a, life->pair.now, connection->client) == LA_OK;
    bench_pair_turn(&life->pair, BENCH_CLIENT);
    return ok && la_recv(b, life->pair.now, connection->server, &octet, 1) == 0 &&
           la_close(b, life->pair.now, connection->server) == LA_OK;
}

bool bench_life_to_last_fin(struct bench_life *life, struct bench_connection *connection)
{
    uint32_t remote = (uint32_t)(life->next / LIFE_LOCAL_PORTS % life->remote_ports);
    life->from.port = (uint16_t)(FIRST_PORT + life->next % LIFE_LOCAL_PORTS);
    life->to.port = (uint16_t)(FIRST_REMOTE_PORT + remote);
    life->next++;
    return open_and_send(life, &connection->client) && answer(life, life->listener[remote], &connection->server) &&
           close_both(life, connection);
}

static bool ended_clean(const struct bench_life *life, enum bench_end end, struct la_conn conn)
{
    struct la_outcome outcome;
    return la_outcome(life->pair.host[end], conn, &outcome) == LA_OK && outcome.end == LA_END_CLEAN &&
           la_release(life->pair.host[end], life->pair.now, conn) == LA_OK;
}

bool bench_life_ended(const struct bench_life *life, const struct bench_connection *connection)
{
    return ended_clean(life, BENCH_CLIENT, connection->client) && ended_clean(life, BENCH_SERVER, connection->server);
}

static bool one_connection(struct bench_life *life)
{
    struct bench_connection connection;
    life->pair.now += life->step;
    la_host_advance(life->pair.host[BENCH_CLIENT], life->pair.now);
    la_host_advance(life->pair.host[BENCH_SERVER], life->pair.now);
    bool ok = bench_life_to_last_fin(life, &connection);
    bench_pair_turn(&life->pair, BENCH_SERVER);
    bench_pair_turn(&life->pair, BENCH_CLIENT);
    return ok && bench_life_ended(life, &connection);
}

int bench_life_go_on(struct bench_life *life, uint64_t connections)
{
    for (uint64_t i = 0; i < connections; i++)
        if (!one_connection(life))
            return complain("bench", "connection %llu did not go as it must", (unsigned long long)life->next);
    return 0;
}

/* ---- two hosts and so many waiting ------------------------------------------------------------------------------- */

struct la_config bench_life_config(void)
{
    struct la_config config;
    la_config_default(&config);
    config.connections = 128;
    config.buffer_pieces = 256; /* more than the windows promise, as by default */
    config.time_wait_ipv4 = 16;
    return config;
}

static int listen_all(struct bench_life *life)
{
    for (uint32_t i = 0; i < life->remote_ports; i++) {
        struct la_endpoint local = {bench_address(BENCH_SERVER), (uint16_t)(FIRST_REMOTE_PORT + i)};
        int result = la_listen(life->pair.host[BENCH_SERVER], 0, &local, 64, &life->listener[i]);
        if (result < 0)
            return complain("bench", "la_listen: %s", la_error_name((enum la_error)result));
    }
    return 0;
}

int bench_life_begin(struct bench_life *life, uint32_t waiting)
{
    struct la_config client = bench_life_config(), server = client;
    la_time wait = 2 * LA_MILLISECOND * client.msl_ms;
    memset(life, 0, sizeof *life);
    life->waiting = waiting;
    life->from.address = bench_address(BENCH_CLIENT);
    life->to.address = bench_address(BENCH_SERVER);
    life->step = waiting ? wait / waiting : wait + LA_SECOND;
    life->remote_ports = waiting / LIFE_LOCAL_PORTS * 5 / 4 + 2; /* a four-tuple comes again long after its wait */
    client.time_wait_ipv4 = waiting + waiting / 8 + 16;
    server.listeners = (uint16_t)life->remote_ports;
    if (bench_pair_open(&life->pair, &client, &server, MTU) < 0 || listen_all(life) < 0)
        return -1;
    return bench_life_go_on(life, waiting + (uint64_t)1000);
}

/* The pair, and what follows it. */
#define COURSE_BYTES (sizeof(struct bench_life) - offsetof(struct bench_life, next))

int bench_life_save(const struct bench_life *life, const char *path)
{
    return bench_pair_save(&life->pair, &life->next, COURSE_BYTES, path);
}

int bench_life_load(struct bench_life *life, const char *path)
{
    return bench_pair_load(&life->pair, &life->next, COURSE_BYTES, path);
}

uint32_t bench_life_waiting(const struct bench_life *life)
{
    struct la_counters counters;
    la_host_counters(life->pair.host[BENCH_CLIENT], &counters);
    return counters.time_wait_ipv4;
}

static double host_bytes(uint32_t records, unsigned address_bytes)
{
    struct la_config config = bench_life_config();
    config.time_wait_ipv4 = address_bytes == 4 ? records : 0;
    config.time_wait_ipv6 = address_bytes == 16 ? records : 0;
    return (double)la_host_size(&config);
}

double bench_life_record_bytes(unsigned address_bytes)
{
    return (host_bytes(2000000, address_bytes) - host_bytes(1000000, address_bytes)) / 1e6;
}
