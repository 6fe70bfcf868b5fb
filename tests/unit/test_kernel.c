#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "link/clock.h"
#include "link/netns.h"
#include "link/sockdiag.h"
#include "link/tun.h"

#include <lastack/lastack.h>

/* The kernel's sockets in a namespace of our own, on its loopback. */

static bool enter(void)
{
    static int entered; /* 0: not tried, 1: yes, -1: no */
    struct link_error error;
    enum netns_how how = NETNS_NONE;
    if (entered == 0) {
        entered = netns_enter(&how, &error) == 0 ? 1 : -1;
        if (entered < 0)
            print_message("skipped: %s\n", error.text);
        else
            print_message("in %s\n", netns_how_text(how));
    }
    return entered > 0;
}

static int kernel_socket(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static enum la_state state_between(struct sockdiag *diag, uint16_t local_port, uint16_t remote_port,
                                   struct sockdiag_socket *found)
{
    struct link_error error;
    struct la_endpoint local = {la_address_ipv4(127, 0, 0, 1), local_port};
    struct la_endpoint remote = {la_address_ipv4(127, 0, 0, 1), remote_port};
    int result = sockdiag_find(diag, &local, &remote, found, &error);
    if (result < 0)
        fail_msg("%s", error.text);
    if (result == 0)
        return LA_CLOSED;
    assert_true(la_address_equal(&found->local.address, &local.address));
    assert_int_equal(found->local.port, local_port);
    assert_int_equal(found->remote.port, remote_port);
    return found->state;
}

/* The kernel acknowledges when it likes: within two seconds the state must be this one. */
static void assert_becomes(struct sockdiag *diag, uint16_t local_port, uint16_t remote_port, enum la_state state,
                           struct sockdiag_socket *found)
{
    la_time deadline = clock_now() + 2 * LA_SECOND;
    while (state_between(diag, local_port, remote_port, found) != state && clock_now() < deadline)
        usleep(1000);
    assert_string_equal(la_state_name(state_between(diag, local_port, remote_port, found)), la_state_name(state));
}

static void test_a_life(void **unused)
{
    (void)unused;
    struct link_error error;
    struct sockdiag_socket found;
    struct sockdiag_socket all[8];
    if (!enter())
        skip();
    struct sockdiag *diag = sockdiag_open(&error);
    assert_non_null(diag);
    assert_becomes(diag, 4001, 4000, LA_CLOSED, &found);
    int listener = kernel_socket(4000);
    assert_int_equal(listen(listener, 5), 0);
    assert_becomes(diag, 4000, 4001, LA_CLOSED, &found); /* the listener is not this connection */
    int client = kernel_socket(4001);
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(4000)};
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(client, (struct sockaddr *)&server, sizeof server), 0);
    int accepted = accept(listener, NULL, NULL);
    assert_int_equal(write(client, "abc", 3), 3);
    assert_becomes(diag, 4001, 4000, LA_ESTABLISHED, &found);
    assert_becomes(diag, 4000, 4001, LA_ESTABLISHED, &found);
    assert_int_equal(found.receive_queue, 3);
    struct la_address loopback = la_address_ipv4(127, 0, 0, 1);
    assert_int_equal(sockdiag_dump(diag, &loopback, &loopback, all, 8, &error), 2);
    assert_int_equal(sockdiag_dump(diag, NULL, NULL, all, 1, &error), 3); /* the listener too; one is written */
    char octets[8];
    assert_int_equal(read(accepted, octets, sizeof octets), 3);
    close(client);
    assert_becomes(diag, 4001, 4000, LA_FIN_WAIT_2, &found);
    assert_becomes(diag, 4000, 4001, LA_CLOSE_WAIT, &found);
    close(accepted);
    assert_becomes(diag, 4000, 4001, LA_CLOSED, &found);
    assert_becomes(diag, 4001, 4000, LA_TIME_WAIT, &found);
    assert_int_equal(found.timer, SOCKDIAG_TIMER_TIME_WAIT);
    assert_true(found.timer_ms > 50000 && found.timer_ms <= 60000);
    close(listener);
    sockdiag_close(diag);
}

static void test_devices(void **unused)
{
    (void)unused;
    struct link_error error;
    struct tun tun;
    uint8_t packet[1500];
    assert_int_equal(tun_open(&tun, "", false, &error), -1);
    assert_string_equal(error.text, "'': the name of a device has 1 to 15 characters");
    assert_int_equal(link_up("nosuch0", &error), -1);
    assert_string_equal(error.text, "nosuch0: no such interface");
    if (!enter())
        skip();
    if (tun_open(&tun, NULL, false, &error) < 0) {
        print_message("skipped: %s\n", error.text);
        skip();
    }
    struct la_address ipv4 = la_address_ipv4(10, 0, 0, 1);
    struct la_address ipv6;
    assert_int_equal(la_address_parse("2001:db8::1", &ipv6), LA_OK);
    assert_string_equal(tun.name, "lastack0");
    assert_int_equal(tun_set_mtu(&tun, 1400, &error), 0);
    assert_int_equal(tun.mtu, 1400);
    assert_int_equal(tun_set_address(&tun, &ipv4, 24, &error), 0);
    assert_int_equal(tun_set_address(&tun, &ipv4, 33, &error), -1);
    assert_string_equal(error.text, "lastack0: a prefix of 33 bits is too long for its address");
    assert_int_equal(tun_write(&tun, packet, 1, &error), 1); /* down: a network that loses it */
    assert_int_equal(tun_up(&tun, &error), 0);
    assert_int_equal(tun_set_address(&tun, &ipv6, 64, &error), 0);
    assert_int_equal(tun_set_mtu(&tun, 10, &error), -1);
    assert_string_equal(error.text, "lastack0: could not set the MTU: Invalid argument");
    while (tun_read(&tun, packet, sizeof packet, &error) > 0)
        continue; /* what IPv6 says on a new device */
    assert_int_equal(tun_read(&tun, packet, sizeof packet, &error), 0);
    struct tun second;
    assert_int_equal(tun_open(&second, "lastack0", false, &error), -1);
    assert_string_equal(error.text, "/dev/net/tun: lastack0: another program has this device open");
    assert_int_equal(tun_open(&second, "lo", false, &error), -1);
    tun_close(&tun);
}

static void test_children(void **unused)
{
    (void)unused;
    struct link_error error;
    int status = 0;
    char *const fails[] = {(char[]){"sh"}, (char[]){"-c"}, (char[]){"exit 3"}, NULL};
    char *const missing[] = {(char[]){"/no/such/program"}, NULL};
    pid_t child = netns_spawn(fails, &error);
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    assert_int_equal(netns_spawn(missing, &error), -1);
    assert_string_equal(error.text, "/no/such/program: No such file or directory");
}

static void test_keys_and_clocks(void **unused)
{
    (void)unused;
    struct link_error error;
    uint8_t a[16];
    uint8_t b[16];
    assert_int_equal(key_random(a, &error), 0);
    assert_int_equal(key_random(b, &error), 0);
    assert_memory_not_equal(a, b, sizeof a);
    la_time before = clock_now();
    assert_true(clock_now() >= before);
    assert_true(clock_epoch_offset() + before > 1700000000 * LA_SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_life),
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_children),
        cmocka_unit_test(test_keys_and_clocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
