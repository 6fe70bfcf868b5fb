#include "support.h"

#include "base/address.h"
#include "wire/arp.h"

/* RFC 826's own layout, octet by octet. */
static const uint8_t request[ARP_BYTES] = {0,  1, 8, 0, 6, 4, 0, 1, 2, 0, 0,  0, 0, 9,
                                           10, 0, 0, 9, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1};

static enum la_drop parse(const uint8_t *bytes, size_t length, struct arp_message *message)
{
    uint8_t *copy = exact(bytes, length);
    enum la_drop why = arp_parse(copy, length, message);
    free(copy);
    return why;
}

static void what_is_parsed_is_emitted(void **state)
{
    (void)state;
    struct arp_message message;
    uint8_t written[ARP_BYTES];
    assert_int_equal(parse(request, sizeof request, &message), LA_DROP_NONE);
    struct la_address sender = la_address_ipv4(10, 0, 0, 9);
    struct la_address target = la_address_ipv4(10, 0, 0, 1);
    assert_int_equal(message.operation, ARP_REQUEST);
    assert_true(address_equal(&message.sender, &sender) && address_equal(&message.target, &target));
    assert_int_equal(message.sender_mac.octets[5], 9);
    arp_emit(written, &message);
    assert_memory_equal(written, request, sizeof request);
}

static void what_is_wrong_is_refused(void **state)
{
    (void)state;
    struct arp_message message;
    for (size_t length = 0; length < sizeof request; length++) {
        assert_int_equal(parse(request, length, &message), LA_DROP_ETHERNET);
    }
    for (size_t at = 0; at < 9; at++) { /* what it is about, the operation, and a group as the sender */
        uint8_t bytes[ARP_BYTES];
        memcpy(bytes, request, sizeof bytes);
        bytes[at] ^= 5;
        assert_int_equal(parse(bytes, sizeof bytes, &message), LA_DROP_ETHERNET);
    }
}

static void frames(void **state)
{
    (void)state;
    const struct mac own = {{2, 0, 0, 0, 0, 1}};
    struct ethernet_frame frame;
    uint8_t bytes[20] = {0};
    ethernet_emit(bytes, &mac_broadcast, &own, ETHERNET_ARP);
    for (size_t length = 0; length <= sizeof bytes; length++) {
        uint8_t *copy = exact(bytes, length);
        enum la_drop why = ethernet_parse(copy, length, &frame);
        assert_int_equal(why, length < 14 ? LA_DROP_ETHERNET : LA_DROP_NONE);
        free(copy);
    }
    assert_true(mac_is_broadcast(&frame.destination) && mac_equal(&frame.source, &own));
    assert_int_equal(frame.type, 0x0806);
    assert_int_equal(frame.payload_length, 6);
    ethernet_emit(bytes, &own, &mac_broadcast, ETHERNET_IPV4);
    assert_int_equal(ethernet_parse(bytes, sizeof bytes, &frame), LA_DROP_ETHERNET);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_parsed_is_emitted),
                                       cmocka_unit_test(what_is_wrong_is_refused), cmocka_unit_test(frames)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
