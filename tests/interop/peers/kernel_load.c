#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The Linux kernel under load, for test_ports.py and scripts/ports.

     kernel_load serve PORT                             accepts, reads to the end, closes: it closes last
     kernel_load close ADDRESS PORT SECONDS AT_ONCE     opens and closes, first, as fast as it can
     kernel_load get ADDRESS PORT SECONDS AT_ONCE       asks with HTTP/1.0 and reads to the end: the server closes first

   The clients print what they saw as a JSON object: connections, those of the first and the last ten seconds, no_port
   (attempts while no port was free), failed (what is still open five seconds after the end is, too), the longest time
   from connect() to its answer, and to its end. */

enum { EVENTS = 256, AT_ONCE_MOST = 1024, EDGE_SECONDS = 10, PATIENCE_SECONDS = 5 };

static const char request[] = "GET / HTTP/1.0\r\n\r\n";

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static _Noreturn void give_up(const char *what)
{
    perror(what);
    exit(1);
}

static void watch(int epoll, int fd, uint32_t events, uint32_t what)
{
    struct epoll_event event = {.events = events, .data.u32 = what};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        give_up("epoll_ctl");
}

/* True: there is no more to come. */
static bool read_all(int fd, bool *failed)
{
    char octets[4096];
    for (;;) {
        ssize_t got = read(fd, octets, sizeof octets);
        if (got > 0)
            continue;
        if (got < 0 && errno == EAGAIN)
            return false;
        *failed = got < 0;
        return true;
    }
}

/* ---- the server -------------------------------------------------------------------------------------------------- */

static int listen_at(uint16_t port)
{
    const int on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 4096) < 0)
        give_up("listen");
    return fd;
}

static void accept_all(int epoll, int listener)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        if (fd < 0)
            return;
        watch(epoll, fd, EPOLLIN, (uint32_t)fd);
    }
}

static void serve(uint16_t port)
{
    int epoll = epoll_create1(0), listener = listen_at(port);
    watch(epoll, listener, EPOLLIN, (uint32_t)listener);
    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            int fd = (int)events[i].data.u32;
            bool failed;
            if (fd == listener)
                accept_all(epoll, listener);
            else if (read_all(fd, &failed))
                close(fd);
        }
    }
}

/* ---- the client -------------------------------------------------------------------------------------------------- */

struct attempt {
    int fd;
    double began;
    bool is_open;
};

struct client {
    int epoll;
    struct sockaddr_in peer;
    bool asks; /* "get" */
    double began;
    double ends;
    unsigned long connections, early, late, no_port, failed;
    double longest_open, longest_life;
    struct attempt attempts[AT_ONCE_MOST];
    unsigned at_once;
};

static void finish(struct client *client, struct attempt *attempt, bool failed)
{
    double time = now(), life = time - attempt->began;
    close(attempt->fd);
    attempt->fd = -1;
    client->failed += failed;
    client->connections += !failed;
    client->longest_life = life > client->longest_life ? life : client->longest_life;
    client->early += !failed && time < client->began + EDGE_SECONDS;
    client->late += !failed && time >= client->ends - EDGE_SECONDS;
}

/* False: there is no port. */
static bool begin(struct client *client, unsigned number)
{
    struct attempt *attempt = &client->attempts[number];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0)
        give_up("socket");
    *attempt = (struct attempt){.fd = fd, .began = now()};
    if (connect(fd, (struct sockaddr *)&client->peer, sizeof client->peer) < 0 && errno != EINPROGRESS) {
        bool is_port = errno == EADDRNOTAVAIL;
        close(fd);
        attempt->fd = -1;
        client->no_port += is_port;
        client->failed += !is_port;
        return false;
    }
    watch(client->epoll, fd, EPOLLOUT, number);
    return true;
}

static void opened(struct client *client, unsigned number)
{
    struct attempt *attempt = &client->attempts[number];
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = number};
    int error = 0;
    socklen_t length = sizeof error;
    double took = now() - attempt->began;
    getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    client->longest_open = took > client->longest_open ? took : client->longest_open;
    attempt->is_open = true;
    if (error != 0 || !client->asks)
        finish(client, attempt, error != 0);
    else if (write(attempt->fd, request, strlen(request)) != (ssize_t)strlen(request))
        finish(client, attempt, true);
    else
        epoll_ctl(client->epoll, EPOLL_CTL_MOD, attempt->fd, &event);
}

static void ready(struct client *client, unsigned number)
{
    struct attempt *attempt = &client->attempts[number];
    bool failed = false;
    if (attempt->fd < 0)
        return;
    if (!attempt->is_open)
        opened(client, number);
    else if (read_all(attempt->fd, &failed))
        finish(client, attempt, failed);
}

/* Those that have ended are begun again; for a while none if there is no port. */
static int begin_all(struct client *client)
{
    if (now() >= client->ends)
        return -1;
    for (unsigned i = 0; i < client->at_once; i++)
        if (client->attempts[i].fd < 0 && !begin(client, i))
            return 1;
    return -1;
}

static bool is_busy(const struct client *client)
{
    for (unsigned i = 0; i < client->at_once; i++)
        if (client->attempts[i].fd >= 0)
            return true;
    return false;
}

static void give_up_the_rest(struct client *client)
{
    for (unsigned i = 0; i < client->at_once; i++)
        if (client->attempts[i].fd >= 0)
            finish(client, &client->attempts[i], true);
}

/* Those that are open when the time is over end in order. */
static void load(struct client *client, double seconds)
{
    client->began = now();
    client->ends = client->began + seconds;
    client->epoll = epoll_create1(0);
    for (unsigned i = 0; i < client->at_once; i++)
        client->attempts[i].fd = -1;
    while (now() < client->ends || (is_busy(client) && now() < client->ends + PATIENCE_SECONDS)) {
        struct epoll_event events[EVENTS];
        int wait = begin_all(client);
        int count = epoll_wait(client->epoll, events, EVENTS, wait < 0 ? 100 : wait);
        for (int i = 0; i < count; i++)
            ready(client, events[i].data.u32);
    }
    give_up_the_rest(client);
    printf("{\"connections\":%lu,\"first_ten\":%lu,\"last_ten\":%lu,\"no_port\":%lu,\"failed\":%lu,"
           "\"longest_open_ms\":%.1f,\"longest_life_ms\":%.1f,\"seconds\":%.2f}\n",
           client->connections, client->early, client->late, client->no_port, client->failed,
           client->longest_open * 1e3, client->longest_life * 1e3, now() - client->began);
}

/* As many descriptors as this process may have. */
static void raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        give_up("getrlimit");
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        give_up("setrlimit");
}

int main(int argc, char **argv)
{
    static struct client client;
    raise_limit();
    if (argc == 3 && strcmp(argv[1], "serve") == 0)
        serve((uint16_t)atoi(argv[2]));
    if (argc != 6) {
        fprintf(stderr, "usage: kernel_load serve PORT | close|get ADDRESS PORT SECONDS AT_ONCE\n");
        return 2;
    }
    client.asks = strcmp(argv[1], "get") == 0;
    client.peer = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[3]))};
    client.at_once = (unsigned)atoi(argv[5]);
    if (inet_pton(AF_INET, argv[2], &client.peer.sin_addr) != 1 || client.at_once > AT_ONCE_MOST)
        return 2;
    load(&client, atof(argv[4]));
    return 0;
}
