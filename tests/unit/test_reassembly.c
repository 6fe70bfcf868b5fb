#include "ip/reassembly.h"

#include "ip_support.h"

/* The table by itself, in the smallest room that the config allows, right before the replies. */
enum { ROOM = 4096 };

struct table {
    struct host host;
    _Alignas(8) uint8_t room[ROOM];
    uint8_t bytes[1500];
};

static struct table *table_new(void)
{
    static struct table table;
    memset(&table, 0, sizeof table);
    table.host.core.config.reassembly_bytes = ROOM;
    table.host.core.config.reassembly_ms = 1000;
    table.host.core.replies.offset =
        (uint32_t)(((uintptr_t)table.room + ROOM - (uintptr_t)&table.host.core) / CORE_UNIT);
    reassembly_start(&table.host.ip);
    return &table;
}

/* What the table says of this fragment, of 10.0.0.n; its packet is begun if there is none. */
static enum la_drop add(struct table *t, uint8_t n, uint16_t identification, uint32_t offset, size_t length, bool more,
                        uint16_t *number)
{
    struct packet packet;
    const struct la_address source = la_address_ipv4(10, 0, 0, n);
    const struct la_address destination = la_address_ipv4(10, 0, 0, 1);
    const struct ip_fragment part = {
        .identification = identification, .offset = offset, .more = more, .protocol = IP_PROTOCOL_UDP};
    unsigned before = ip_emit_fragment(t->bytes, &source, &destination, 64, &part, length);
    assert_int_equal(ip_parse(t->bytes, before + length, &packet), LA_DROP_IP_FRAGMENT);
    const struct ip_fragment fragment = ip_fragment(&packet);
    *number = reassembly_find(&t->host.ip, 0, &packet, &fragment);
    if (*number == REASSEMBLY_NONE) {
        *number = reassembly_begin(&t->host.ip, 0, &packet, &fragment);
    }
    enum la_drop why = reassembly_add(&t->host.ip, *number, &packet, &fragment);
    const struct reassembling *p = reassembly_packet(&t->host.ip, *number);
    if (p->end == 0 || p->received < p->end) { /* what is whole is not left there */
        assert_null(reassembly_check(&t->host.ip));
    }
    return why;
}

static void places(void **state)
{
    (void)state;
    struct table *t = table_new();
    uint16_t a = 0;
    uint16_t b = 0;
    assert_int_equal(add(t, 2, 1, 80, 40, true, &a), LA_DROP_NONE);
    assert_int_equal(add(t, 3, 1, 80, 40, true, &b), LA_DROP_NONE);
    assert_true(a != b); /* another source, another packet */
    assert_int_equal(add(t, 2, 1, 80, 40, true, &b), LA_DROP_FRAGMENT_DUPLICATE);
    assert_int_equal(a, b);
    assert_int_equal(add(t, 2, 1, 80, 40, false, &b), LA_DROP_FRAGMENT_OVERLAP); /* more follow, said the first one */
    assert_int_equal(add(t, 2, 1, 72, 16, true, &b), LA_DROP_FRAGMENT_OVERLAP);  /* into it from before */
    assert_int_equal(add(t, 2, 1, 112, 16, true, &b), LA_DROP_FRAGMENT_OVERLAP); /* and from behind */
    assert_int_equal(add(t, 2, 1, 40, 200, true, &b), LA_DROP_FRAGMENT_OVERLAP); /* around it */
    assert_int_equal(add(t, 2, 1, 0, 80, true, &b), LA_DROP_NONE);               /* exactly up to it */
    assert_int_equal(add(t, 2, 1, 120, 3, false, &b), LA_DROP_NONE);             /* exactly behind it */
    assert_int_equal(add(t, 2, 1, 128, 8, false, &b), LA_DROP_FRAGMENT_OVERLAP); /* beyond the end */
    assert_int_equal(reassembly_packet(&t->host.ip, a)->received, 123);
    assert_int_equal(reassembly_join(&t->host.ip, a), 20 + 123);
    reassembly_end(&t->host.ip, a);
    assert_null(reassembly_check(&t->host.ip));
    assert_int_equal(t->host.ip.reassembling, 1);
}

/* A source's oldest goes when it has half; the other source's packet stays. */
static void room(void **state)
{
    (void)state;
    struct table *t = table_new();
    const struct reassembly *r = reassembly_of(&t->host.ip);
    uint16_t other = 0;
    uint16_t number = 0;
    assert_true(r->capacity >= 2);
    assert_int_equal(add(t, 3, 9, 0, 8, true, &other), LA_DROP_NONE);
    for (uint16_t i = 0; i < 100; i++) {
        assert_int_equal(add(t, 2, i, 0, 8, true, &number), LA_DROP_NONE);
        assert_true(t->host.ip.reassembling <= 1 + r->capacity / 2U);
    }
    uint16_t found = 0;
    assert_int_equal(add(t, 3, 9, 0, 8, true, &found), LA_DROP_FRAGMENT_DUPLICATE);
    assert_int_equal(found, other);
    uint32_t evicted = r->counter[LA_COUNT_REASSEMBLY_EVICTED - CORE_COUNTER_COUNT];
    assert_int_equal(evicted, 100 - r->capacity / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(places), cmocka_unit_test(room)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
