#include "network.h"

#include "middle.h"

#include "link/packet.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECORDS = 1024, NOWHERE = -1 };

struct node {
    char name[NETWORK_NAME_BYTES];
    enum network_kind kind;
    bool silent;
    void *block;    /* of a host */
    la_host *host;  /* NULL: it is none */
    int last_link;  /* the outside of a firewall or a NAT */
    unsigned links; /* so far: a host's interfaces have the same numbers */
    struct middle *middle;
    int next[NETWORK_NODES]; /* the link towards each node; NOWHERE */
};

struct link {
    unsigned node[2]; /* LINK_OUT is from [0] to [1] */
    unsigned interface[2];
    struct la_address address[2];
    struct impair *impair;
};

struct network {
    struct network_observer observer;
    la_time now;
    unsigned node_count;
    unsigned link_count;
    struct node node[NETWORK_NODES];
    struct link link[NETWORK_LINKS];
    size_t sent_count;
    struct network_sent sent[NETWORK_SENT];
    uint8_t packet[NETWORK_SENT][NETWORK_MTU]; /* what sent points to */
    struct la_trace record[RECORDS];
};

struct network *network_new(const struct network_observer *observer)
{
    struct network *network = calloc(1, sizeof *network);
    if (network != NULL && observer != NULL)
        network->observer = *observer;
    return network;
}

void network_free(struct network *network)
{
    if (network == NULL)
        return;
    for (unsigned i = 0; i < network->node_count; i++) {
        free(network->node[i].block);
        free(network->node[i].middle);
    }
    for (unsigned i = 0; i < network->link_count; i++)
        impair_free(network->link[i].impair);
    free(network);
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static struct node *node_new(struct network *network, const char *name, enum network_kind kind,
                             struct link_error *error)
{
    if (network->node_count == NETWORK_NODES) {
        link_fail(error, "%s: a network has at most %d nodes", name, NETWORK_NODES);
        return NULL;
    }
    struct node *node = &network->node[network->node_count];
    snprintf(node->name, sizeof node->name, "%s", name);
    node->kind = kind;
    return node;
}

int network_add_host(struct network *network, const char *name, const struct la_config *config,
                     struct link_error *error)
{
    struct node *node = node_new(network, name, NETWORK_HOST, error);
    struct la_config own = *config;
    if (node == NULL)
        return -1;
    own.interfaces = own.interfaces < NETWORK_LINKS ? NETWORK_LINKS : own.interfaces;
    own.addresses = own.addresses < NETWORK_LINKS ? NETWORK_LINKS : own.addresses;
    own.routes = own.routes < NETWORK_NODES ? NETWORK_NODES : own.routes;
    own.trace_records = RECORDS;
    const char *wrong = la_config_error(&own);
    if (wrong != NULL)
        return link_fail(error, "%s: %s", name, wrong);
    size_t size = (la_host_size(&own) + LA_HOST_ALIGNMENT - 1) / LA_HOST_ALIGNMENT * LA_HOST_ALIGNMENT;
    node->block = aligned_alloc(LA_HOST_ALIGNMENT, size);
    node->host = node->block != NULL ? la_host_init(node->block, size, &own, network->now) : NULL;
    if (node->host == NULL) {
        free(node->block);
        node->block = NULL;
        return link_fail(error, "%s: out of memory", name);
    }
    return (int)network->node_count++;
}

int network_add_middle(struct network *network, const char *name, enum network_kind kind,
                       const struct network_middle *middle, struct link_error *error)
{
    struct node *node = node_new(network, name, kind, error);
    if (node == NULL)
        return -1;
    node->middle = calloc(1, sizeof *node->middle);
    if (node->middle == NULL)
        return link_fail(error, "%s: out of memory", name);
    node->middle->kind = kind;
    if (middle != NULL)
        node->middle->rule = *middle;
    return (int)network->node_count++;
}

static int attach(struct network *network, unsigned link, unsigned side, struct link_error *error)
{
    struct link *joined = &network->link[link];
    struct node *node = &network->node[joined->node[side]];
    joined->address[side] = la_address_ipv4(10, 0, (uint8_t)link, (uint8_t)(joined->node[side] + 1));
    joined->interface[side] = node->links++;
    node->last_link = (int)link;
    if (node->middle != NULL)
        node->middle->address = joined->address[side];
    if (node->host == NULL)
        return 0;
    int interface = la_interface_add(node->host, network->now, NETWORK_MTU);
    int result = interface;
    if (interface >= 0)
        result = la_address_add(node->host, network->now, (unsigned)interface, &joined->address[side], 32);
    return result < 0 ? link_fail(error, "%s: %s", node->name, la_error_name((enum la_error)result)) : 0;
}

int network_join(struct network *network, unsigned a, unsigned b, const struct impair_config *config,
                 struct link_error *error)
{
    static const struct impair_config perfect;
    if (network->link_count == NETWORK_LINKS)
        return link_fail(error, "a network has at most %d links", NETWORK_LINKS);
    struct link *link = &network->link[network->link_count];
    *link = (struct link){.node = {a, b}};
    link->impair = impair_new(config != NULL ? config : &perfect, error);
    if (link->impair == NULL)
        return -1;
    network->link_count++;
    for (unsigned side = 0; side < 2; side++) {
        if (attach(network, network->link_count - 1, side, error) < 0)
            return -1;
    }
    return (int)network->link_count - 1;
}

/* ---- ways -------------------------------------------------------------------------------------------------------- */

static unsigned side_of(const struct link *link, unsigned node)
{
    return link->node[0] == node ? 0 : 1;
}

/* For each node the link towards `to`: breadth first, so the shortest way, and of equal ones the first made. Hosts pass
   nothing on. */
static void find_ways(struct network *network, unsigned to)
{
    unsigned queue[NETWORK_NODES];
    unsigned head = 0;
    unsigned tail = 0;
    for (unsigned i = 0; i < network->node_count; i++)
        network->node[i].next[to] = NOWHERE;
    queue[tail++] = to;
    while (head < tail) {
        unsigned at = queue[head++];
        for (unsigned i = 0; i < network->link_count; i++) {
            const struct link *link = &network->link[i];
            if (link->node[0] != at && link->node[1] != at)
                continue;
            unsigned other = link->node[!side_of(link, at)];
            if (other == to || network->node[other].next[to] != NOWHERE)
                continue;
            network->node[other].next[to] = (int)i;
            if (network->node[other].kind != NETWORK_HOST)
                queue[tail++] = other;
        }
    }
}

/* The link by which a packet from one node enters the other; NOWHERE. */
static int arrival_link(const struct network *network, unsigned from, unsigned to)
{
    int link = NOWHERE;
    unsigned at = from;
    for (unsigned hops = 0; at != to && hops < NETWORK_NODES; hops++) {
        link = network->node[at].next[to];
        if (link == NOWHERE)
            return NOWHERE;
        at = network->link[link].node[!side_of(&network->link[link], at)];
    }
    return link;
}

bool network_address(const struct network *network, unsigned from, unsigned to, struct la_address *address)
{
    int link = arrival_link(network, from, to);
    if (link == NOWHERE)
        return false;
    *address = network->link[link].address[side_of(&network->link[link], to)];
    return true;
}

static int add_routes(struct network *network, unsigned from, struct link_error *error)
{
    struct node *node = &network->node[from];
    for (unsigned to = 0; to < network->node_count; to++) {
        struct la_address address;
        if (to == from || network->node[to].kind == NETWORK_FIREWALL || network->node[to].kind == NETWORK_ROUTER ||
            !network_address(network, from, to, &address))
            continue;
        const struct link *link = &network->link[node->next[to]];
        int result = la_route_add(node->host, network->now, link->interface[side_of(link, from)], &address, 32);
        if (result < 0)
            return link_fail(error, "%s: %s", node->name, la_error_name((enum la_error)result));
    }
    return 0;
}

int network_begin(struct network *network, struct link_error *error)
{
    for (unsigned i = 0; i < network->node_count; i++)
        find_ways(network, i);
    for (unsigned i = 0; i < network->node_count; i++) {
        if (network->node[i].host != NULL && add_routes(network, i, error) < 0)
            return -1;
    }
    return 0;
}

/* ---- moving ------------------------------------------------------------------------------------------------------ */

static void tell(struct network *network, struct network_moment *moment)
{
    moment->time = network->now;
    moment->sent = network->sent;
    moment->sent_count = network->sent_count;
    if (network->observer.moment != NULL)
        network->observer.moment(network->observer.context, moment);
    network->sent_count = 0;
}

/* What has been put into the next place of network->packet leaves by the link. */
static void submit(struct network *network, unsigned node, unsigned link, size_t length)
{
    struct link *joined = &network->link[link];
    struct network_sent *sent = &network->sent[network->sent_count];
    sent->bytes = network->packet[network->sent_count++];
    sent->length = length;
    sent->fate = impair_submit(joined->impair, network->now, side_of(joined, node) == 0 ? LINK_OUT : LINK_IN,
                               sent->bytes, length, 0);
}

/* What the host now has to send, and the records of why: at most NETWORK_SENT packets; true if there may be more. */
static bool host_moment(struct network *network, struct network_moment *moment)
{
    struct node *node = &network->node[moment->node];
    for (unsigned i = 0; i < network->link_count; i++) {
        const struct link *link = &network->link[i];
        if (link->node[0] != moment->node && link->node[1] != moment->node)
            continue;
        unsigned interface = link->interface[side_of(link, moment->node)];
        size_t length = 0;
        while (network->sent_count < NETWORK_SENT &&
               (length = la_host_output(node->host, network->now, interface, network->packet[network->sent_count],
                                        NETWORK_MTU)) > 0) {
            if (node->silent)
                continue;
            submit(network, moment->node, i, length);
        }
    }
    bool more = network->sent_count == NETWORK_SENT;
    moment->records = network->record;
    moment->record_count = la_host_trace(node->host, network->record, RECORDS);
    tell(network, moment);
    return more;
}

static void host_finish(struct network *network, struct network_moment *moment)
{
    while (host_moment(network, moment))
        *moment = (struct network_moment){.node = moment->node};
}

/* The node that has the address; NETWORK_NODES if none does. A NAT has those of its outside. */
static unsigned node_at(const struct network *network, const struct la_address *address)
{
    for (unsigned i = 0; i < network->link_count; i++) {
        for (unsigned side = 0; side < 2; side++) {
            if (la_address_equal(&network->link[i].address[side], address))
                return network->link[i].node[side];
        }
    }
    return NETWORK_NODES;
}

static void pass_on(struct network *network, struct network_moment *moment, int link, const uint8_t *bytes)
{
    struct node *node = &network->node[moment->node];
    struct packet_view view;
    uint8_t *copy = network->packet[0];
    memcpy(copy, bytes, moment->arrived_length);
    size_t length = moment->arrived_length;
    if (node->kind != NETWORK_ROUTER)
        moment->refused = middle_pass(node->middle, network->now, link != node->last_link, copy, length);
    bool known = packet_look(copy, length, &view);
    if (moment->refused != NULL && node->kind == NETWORK_NAT && node->middle->rule.resets) {
        length = middle_reset(bytes, moment->arrived_length, copy);
        if (length > 0)
            submit(network, moment->node, (unsigned)link, length);
        return;
    }
    unsigned to = known ? node_at(network, &view.destination.address) : NETWORK_NODES;
    int next = to < NETWORK_NODES && to != moment->node ? node->next[to] : NOWHERE;
    if (moment->refused == NULL && next == NOWHERE)
        moment->refused = "it knows no way there";
    if (moment->refused == NULL)
        submit(network, moment->node, (unsigned)next, length);
}

static void arrive(struct network *network, unsigned number, enum link_direction direction)
{
    struct impair_delivery delivery;
    struct link *link = &network->link[number];
    unsigned side = direction == LINK_OUT ? 1 : 0;
    if (!impair_take(link->impair, network->now, direction, &delivery))
        return;
    struct network_moment moment = {
        .node = link->node[side], .arrived = delivery.bytes, .arrived_length = delivery.length};
    struct node *node = &network->node[moment.node];
    if (node->silent) {
        moment.refused = "nobody is there";
        tell(network, &moment);
        return;
    }
    if (node->host == NULL) {
        pass_on(network, &moment, (int)number, delivery.bytes);
        tell(network, &moment);
        return;
    }
    la_host_input(node->host, network->now, link->interface[side], delivery.bytes, delivery.length);
    if (network->observer.arrived != NULL)
        network->observer.arrived(network->observer.context, moment.node);
    host_finish(network, &moment);
}

void network_settle(struct network *network, unsigned node)
{
    struct network_moment moment = {.node = node};
    host_finish(network, &moment);
}

/* ---- time -------------------------------------------------------------------------------------------------------- */

la_time network_now(const struct network *network)
{
    return network->now;
}

la_time network_deadline(const struct network *network)
{
    la_time when = LA_TIME_NEVER;
    for (unsigned i = 0; i < network->link_count; i++) {
        for (int direction = LINK_IN; direction <= LINK_OUT; direction++) {
            la_time due = impair_deadline(network->link[i].impair, (enum link_direction)direction);
            when = due < when ? due : when;
        }
    }
    for (unsigned i = 0; i < network->node_count; i++) {
        if (network->node[i].host == NULL || network->node[i].silent)
            continue;
        la_time due = la_host_deadline(network->node[i].host);
        when = due < when ? due : when;
    }
    return when;
}

bool network_step(struct network *network, la_time until)
{
    la_time when = network_deadline(network);
    if (when > until || when == LA_TIME_NEVER) {
        if (until != LA_TIME_NEVER && until > network->now)
            network->now = until;
        return false;
    }
    network->now = when > network->now ? when : network->now;
    for (unsigned i = 0; i < network->link_count; i++) {
        static const enum link_direction order[] = {LINK_OUT, LINK_IN};
        for (unsigned d = 0; d < 2; d++) {
            if (impair_deadline(network->link[i].impair, order[d]) <= network->now) {
                arrive(network, i, order[d]);
                return true;
            }
        }
    }
    for (unsigned i = 0; i < network->node_count; i++) {
        struct node *node = &network->node[i];
        if (node->host != NULL && !node->silent && la_host_deadline(node->host) <= network->now) {
            la_host_advance(node->host, network->now);
            network_settle(network, i);
            return true;
        }
    }
    return true;
}

/* ---- looking ----------------------------------------------------------------------------------------------------- */

la_host *network_host(struct network *network, unsigned node)
{
    return network->node[node].host;
}

enum network_kind network_kind(const struct network *network, unsigned node)
{
    return network->node[node].kind;
}

const char *network_name(const struct network *network, unsigned node)
{
    return network->node[node].name;
}

void network_silence(struct network *network, unsigned node)
{
    network->node[node].silent = true;
}

struct la_endpoint network_true_endpoint(const struct network *network, const struct la_endpoint *seen)
{
    unsigned node = node_at(network, &seen->address);
    if (node == NETWORK_NODES || network->node[node].kind != NETWORK_NAT)
        return *seen;
    const struct middle_flow *flow = middle_behind(network->node[node].middle, seen->port);
    return flow != NULL ? flow->inside : *seen;
}
