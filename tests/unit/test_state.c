#include "support.h"

#include "tcp/state.h"

/* RFC 9293 figure 5, arrow by arrow, and what is added to it. */

struct edge {
    enum la_state from;
    enum la_state to;
};

static const struct edge figure_5[] = {
    {LA_CLOSED, LA_LISTEN},            /* passive OPEN */
    {LA_CLOSED, LA_SYN_SENT},          /* active OPEN */
    {LA_LISTEN, LA_CLOSED},            /* CLOSE */
    {LA_LISTEN, LA_SYN_RECEIVED},      /* rcv SYN */
    {LA_SYN_SENT, LA_CLOSED},          /* CLOSE */
    {LA_SYN_SENT, LA_SYN_RECEIVED},    /* rcv SYN */
    {LA_SYN_SENT, LA_ESTABLISHED},     /* rcv SYN, ACK */
    {LA_SYN_RECEIVED, LA_ESTABLISHED}, /* rcv ACK of SYN */
    {LA_SYN_RECEIVED, LA_LISTEN},      /* note 1: rcv RST */
    {LA_ESTABLISHED, LA_FIN_WAIT_1},   /* CLOSE */
    {LA_ESTABLISHED, LA_CLOSE_WAIT},   /* rcv FIN */
    {LA_FIN_WAIT_1, LA_FIN_WAIT_2},    /* rcv ACK of FIN */
    {LA_FIN_WAIT_1, LA_CLOSING},       /* rcv FIN */
    {LA_FIN_WAIT_2, LA_TIME_WAIT},     /* rcv FIN */
    {LA_CLOSING, LA_TIME_WAIT},        /* rcv ACK of FIN */
    {LA_CLOSE_WAIT, LA_LAST_ACK},      /* CLOSE */
    {LA_LAST_ACK, LA_CLOSED},          /* rcv ACK of FIN */
    {LA_TIME_WAIT, LA_CLOSED},         /* timeout = 2MSL */
};

/* RESET and ABORT end any state: note 3. The record of TIME-WAIT is reopened by a SYN, of the
   peer's or our own, and that can be undone: MAY-2. The block that a new incarnation gets begins in CLOSED. */
static const struct edge added[] = {
    {LA_SYN_RECEIVED, LA_CLOSED}, {LA_ESTABLISHED, LA_CLOSED},     {LA_FIN_WAIT_1, LA_CLOSED},
    {LA_FIN_WAIT_2, LA_CLOSED},   {LA_CLOSE_WAIT, LA_CLOSED},      {LA_CLOSING, LA_CLOSED},
    {LA_CLOSED, LA_SYN_RECEIVED}, {LA_TIME_WAIT, LA_SYN_RECEIVED}, {LA_SYN_RECEIVED, LA_TIME_WAIT},
    {LA_TIME_WAIT, LA_SYN_SENT},  {LA_SYN_SENT, LA_TIME_WAIT},
};

/* Figure 5 has SYN-RECEIVED to FIN-WAIT-1 (CLOSE) and, note 2, FIN-WAIT-1 to TIME-WAIT in one step. Ours goes by
   ESTABLISHED (3.10.4: "queue for processing after entering ESTABLISHED state"), and by FIN-WAIT-2. */
static bool is_listed(const struct edge *edges, size_t count, struct edge edge)
{
    for (size_t i = 0; i < count; i++) {
        if (edges[i].from == edge.from && edges[i].to == edge.to) {
            return true;
        }
    }
    return false;
}

static void edges(void **state)
{
    (void)state;
    for (int from = 0; from < LA_STATE_COUNT; from++) {
        for (int to = 0; to < LA_STATE_COUNT; to++) {
            struct edge edge = {(enum la_state)from, (enum la_state)to};
            bool expected = is_listed(figure_5, sizeof figure_5 / sizeof figure_5[0], edge) ||
                            is_listed(added, sizeof added / sizeof added[0], edge);
            if (state_edge_is_legal(edge.from, edge.to) != expected) {
                fail_msg("%s to %s: expected %s", la_state_name(edge.from), la_state_name(edge.to),
                         expected ? "legal" : "illegal");
            }
        }
    }
}

/* RFC 9293 3.5.2: non-synchronised are CLOSED, LISTEN, SYN-SENT and SYN-RECEIVED. */
static void synchronised(void **state)
{
    (void)state;
    static const enum la_state not_yet[] = {LA_CLOSED, LA_LISTEN, LA_SYN_SENT, LA_SYN_RECEIVED};
    for (int s = 0; s < LA_STATE_COUNT; s++) {
        bool expected = true;
        for (unsigned i = 0; i < 4; i++) {
            expected = expected && not_yet[i] != (enum la_state)s;
        }
        assert_int_equal(state_is_synchronised((enum la_state)s), expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges),
        cmocka_unit_test(synchronised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
