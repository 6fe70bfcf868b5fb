#include "run_private.h"

/* Four-tuples, and numbers between the script and the wire. */

static bool same_endpoint(const struct la_endpoint *a, const struct la_endpoint *b)
{
    return a->port == b->port && la_address_equal(&a->address, &b->address);
}

struct flow *flow_new(struct run *run, const struct la_endpoint *local, const struct la_endpoint *remote)
{
    struct flow *flow = arena_take(run->arena, sizeof *flow);
    *flow = (struct flow){.local = *local, .remote = *remote, .next = run->flows};
    flow->remote_isn = run->settings->isn_remote;
    flow->remote_text = run->settings->isn_remote;
    run->flows = flow;
    return flow;
}

struct flow *flow_find(const struct run *run, const struct la_endpoint *local, const struct la_endpoint *remote)
{
    for (struct flow *flow = run->flows; flow != NULL; flow = flow->next)
        if (same_endpoint(&flow->local, local) && same_endpoint(&flow->remote, remote))
            return flow;
    return NULL;
}

/* A peer that the script does not name: a port of its own, to the port that bind() gives. */
static struct flow *new_peer(struct run *run)
{
    struct la_endpoint local = {run->settings->local, run->settings->bind_port};
    struct la_endpoint remote = {run->settings->remote, run->next_port++};
    return flow_new(run, &local, &remote);
}

static struct flow *flow_by_ports(struct run *run, const struct packet *packet)
{
    const struct la_endpoint *from_local = packet->is_outbound ? &packet->source : &packet->destination;
    const struct la_endpoint *from_remote = packet->is_outbound ? &packet->destination : &packet->source;
    struct la_endpoint local = {run->settings->local, from_local->port};
    struct la_endpoint remote = {run->settings->remote, from_remote->port};
    if (local.port == 0)
        local.port = run->current != NULL ? run->current->local.port : run->settings->bind_port;
    if (remote.port == 0)
        remote.port = run->current != NULL ? run->current->remote.port : run->settings->connect_port;
    struct flow *flow = flow_find(run, &local, &remote);
    if (flow == NULL)
        flow = flow_new(run, &local, &remote);
    if (run->current == NULL)
        run->current = flow;
    return flow;
}

struct flow *flow_of_line(struct run *run, const struct packet *packet)
{
    if (packet->protocol == PACKET_TCP && (packet->source.port != 0 || packet->destination.port != 0))
        return flow_by_ports(run, packet);
    if (run->current == NULL && !packet->is_outbound)
        run->current = new_peer(run);
    return run->current;
}

/* ---- what the host's packets tell ---- */

/* The flow of a connect() whose SYN this is. */
static struct flow *connecting(const struct run *run, const struct packet *packet)
{
    for (struct flow *flow = run->flows; flow != NULL; flow = flow->next)
        if (flow->is_connecting && same_endpoint(&flow->remote, &packet->destination))
            return flow;
    return NULL;
}

/* As in packetdrill the numbers stay those of the first incarnation when a SYN opens the next one between the same
   ports: that its ISN lies beyond the old numbers can then be asked for. */
static void learn_from_syn(struct run *run, struct flow *flow, const struct packet *packet)
{
    if (!run->first_isn_known) {
        run->first_isn_known = true;
        run->first_isn = packet->seq;
    }
    bool is_answer = (packet->flags & LA_ACK) != 0;
    bool is_new = !flow->has_local_isn || (!is_answer && flow->local_isn != packet->seq);
    if (is_new) {
        flow->has_local_isn = true;
        flow->local_isn = packet->seq;
        flow->has_script_isn = false;
        flow->is_confirmed = false;
        flow->stamps = NULL;
        flow->has_first_stamp = false;
    }
    if (is_answer && !flow->is_confirmed) {
        flow->has_remote_isn = true;
        flow->remote_isn = packet->ack - 1;
        flow->is_confirmed = true;
    }
    flow->local_text = packet->seq;
    if (is_answer)
        flow->remote_text = packet->ack - 1;
}

struct flow *flow_of_sent(struct run *run, const struct packet *packet)
{
    bool is_syn = (packet->flags & LA_SYN) != 0;
    bool is_first = is_syn && (packet->flags & LA_ACK) == 0;
    struct flow *flow = is_first ? connecting(run, packet) : NULL;
    if (flow != NULL) {
        flow->is_connecting = false;
        flow->local = packet->source;
    } else {
        flow = flow_find(run, &packet->source, &packet->destination);
    }
    if (flow == NULL)
        flow = flow_new(run, &packet->source, &packet->destination);
    if (is_syn)
        learn_from_syn(run, flow, packet);
    else if ((packet->flags & (LA_ACK | LA_RST)) == LA_ACK && flow->has_local_isn)
        flow->is_confirmed = flow->has_remote_isn;
    return flow;
}

/* ---- script to wire ---- */

static bool echo_to_live(const struct run *run, const struct flow *flow, struct packet *live, const char **wrong)
{
    uint8_t *stamp = packet_timestamp(live);
    if (stamp == NULL || (live->flags & LA_ACK) == 0)
        return true;
    uint32_t echo = packet_get32(stamp + 4);
    for (const struct stamp *pair = flow->stamps; pair != NULL; pair = pair->next) {
        if (pair->script == echo) {
            packet_put32(stamp + 4, pair->live);
            return true;
        }
    }
    if (run->settings->ts_ecr_scaled && flow->has_first_stamp) {
        packet_put32(stamp + 4, echo - flow->first_stamp.script + flow->first_stamp.live);
        return true;
    }
    *wrong =
        "its timestamp's ecr is no value that an earlier line expected (TS val); --tcp_ts_ecr_scaled takes it from "
        "the first one";
    return false;
}

static void icmp_to_live(const struct flow *flow, struct packet *live)
{
    live->quote_seq += flow != NULL ? flow->local_isn : 0;
}

bool flow_to_live(struct run *run, struct flow *flow, const struct packet *line, struct packet *live,
                  uint32_t *text_place, const char **wrong)
{
    *live = *line;
    *text_place = 0;
    live->source = (struct la_endpoint){run->settings->remote, flow != NULL ? flow->remote.port : 0};
    live->destination = (struct la_endpoint){run->settings->local, flow != NULL ? flow->local.port : 0};
    if (line->protocol == PACKET_ICMP || flow == NULL) {
        icmp_to_live(flow, live);
        return true;
    }
    bool is_syn = (line->flags & LA_SYN) != 0;
    uint32_t to_local = flow->local_isn - (is_syn ? flow->script_isn : 0);
    if (is_syn && !flow->is_confirmed) {
        flow->has_remote_isn = true;
        flow->remote_isn = line->seq + run->settings->isn_remote;
        flow->remote_text = flow->remote_isn;
    }
    live->seq += is_syn ? run->settings->isn_remote : flow->remote_isn;
    *text_place = is_syn ? 0 : live->seq - flow->remote_text - 1;
    if ((line->flags & LA_ACK) != 0)
        live->ack += to_local;
    packet_move_sack(live, to_local);
    flow->had_urgent = flow->had_urgent || (line->flags & LA_URG) != 0;
    return echo_to_live(run, flow, live, wrong);
}

/* ---- wire to script ---- */

uint32_t flow_text_place(const struct sent *sent)
{
    return (sent->packet.flags & LA_SYN) != 0 ? 0 : sent->packet.seq - sent->local_text - 1;
}

void flow_learn_stamp(struct run *run, const struct sent *sent, const struct packet *line)
{
    struct packet expected = *line;
    struct packet live = sent->packet;
    const uint8_t *script_stamp = packet_timestamp(&expected);
    const uint8_t *live_stamp = packet_timestamp(&live);
    if (sent->flow == NULL || script_stamp == NULL || live_stamp == NULL)
        return;
    struct flow *flow = sent->flow;
    struct stamp *stamp = arena_take(run->arena, sizeof *stamp);
    *stamp = (struct stamp){packet_get32(script_stamp), packet_get32(live_stamp), flow->stamps};
    flow->stamps = stamp;
    if (!flow->has_first_stamp) {
        flow->has_first_stamp = true;
        flow->first_stamp = *stamp;
    }
}

void flow_to_script(const struct sent *sent, const struct packet *line, struct packet *actual)
{
    *actual = sent->packet;
    actual->source.port = line != NULL ? line->source.port : 0;
    actual->destination.port = line != NULL ? line->destination.port : 0;
    if (line != NULL) {
        actual->tos_check = line->tos_check == TOS_ANY ? TOS_ANY : line->tos_check == TOS_WHOLE ? TOS_WHOLE : TOS_ECN;
        actual->flags_are_ace = line->flags_are_ace;
    }
    if (sent->flow == NULL)
        return;
    bool is_syn = (actual->flags & LA_SYN) != 0;
    actual->seq -= sent->local_isn - (is_syn ? sent->flow->script_isn : 0);
    if ((actual->flags & LA_ACK) != 0)
        actual->ack -= sent->remote_isn;
    packet_move_sack(actual, 0 - sent->remote_isn);
    uint8_t *stamp = packet_timestamp(actual);
    if (stamp != NULL && sent->flow->has_first_stamp)
        packet_put32(stamp, packet_get32(stamp) - sent->flow->first_stamp.live + sent->flow->first_stamp.script);
}
