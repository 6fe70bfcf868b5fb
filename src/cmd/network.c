#include "network.h"

#include <lastack/lastack.h>

#include <stdio.h>
#include <string.h>

/* ---- impairments: link/impair.h knows their syntax --------------------------------------------------------------- */

/* What impair_option found wrong, kept for the complaint. */
static struct link_error impair_wrong;

static const char *take_impair(const char *text, const char *name, struct impair_config *config)
{
    return impair_option(config, name, text, &impair_wrong) == 0 ? NULL : impair_wrong.text;
}

static const char *option_impair(const char *text, void *target)
{
    const struct impair_target *impair = target;
    return take_impair(text, impair->name, impair->config);
}

static const char *behind_direction(const char *text)
{
    const char *colon = strchr(text, ':');
    return colon ? colon + 1 : text;
}

/* A chance is always a percentage here, with its sign or without. */
static const char *option_chance(const char *text, void *target)
{
    const struct impair_target *impair = target;
    char percent[64];
    double value;
    size_t length = strcspn(behind_direction(text), "%");
    snprintf(percent, sizeof percent, "%.*s", (int)length, behind_direction(text));
    if (option_percent(percent, &value))
        return "must be a percentage from 0 to 100, with in: or out: before it if it concerns one direction only";
    snprintf(percent, sizeof percent, "%s%s", text, strchr(text, '%') ? "" : "%");
    return take_impair(percent, impair->name, impair->config);
}

/* "1.5" is a chance, "data#3" a pattern. */
static const char *option_duplicate(const char *text, void *target)
{
    const struct impair_target *impair = target;
    char first = *behind_direction(text);
    struct impair_target chance = {impair->config, "dup"};
    return (first >= '0' && first <= '9') || first == '.' ? option_chance(text, &chance) : option_impair(text, target);
}

struct trouble {
    const char *name;
    const char *argument;
    const char *help;
    option_parser *parse;
};

static const struct trouble troubles[NETWORK_IMPAIR] = {
    {"drop", "PATTERN",
     "lose exactly these packets: \"last-ack\", \"fin\", \"out:syn\",\n\"data#3\", "
     "\"in:fin#2-4\", \"last-ack*3\"; may be given again",
     option_impair},
    {"loss", "PERCENT", "lose packets by chance", option_chance},
    {"delay", "MS", "every packet is under way for so long", option_impair},
    {"jitter", "MS", "and for up to so much longer, in order", option_impair},
    {"duplicate", "PERCENT", "deliver packets twice by chance; or a PATTERN, as --drop", option_duplicate},
    {"reorder", "PERCENT", "hold packets back by chance, so that others overtake them", option_chance},
    {"hold", "PATTERN", "hold exactly these packets back", option_impair},
    {"hold-time", "MS", "for how long (default 20 ms beyond the jitter)", option_impair},
    {"damage", "PERCENT", "turn over one bit of packets by chance", option_chance},
    {"corrupt", "PATTERN", "turn over one bit of exactly these packets", option_impair},
    {"seed", "N", "of all chances: the same seed and packets, the same trouble", option_impair},
};

enum { TROUBLES = 11, IPV6_MTU_LEAST = 1280 };

/* ---- the options ------------------------------------------------------------------------------------------------- */

static const char *option_mtu(const char *text, void *target)
{
    const char *wrong = option_u32(text, target);
    uint32_t mtu = *(uint32_t *)target;
    return wrong || mtu < 576 || mtu > 65535 ? "must be a whole number of octets from 576 to 65535" : NULL;
}

static const char *option_tun(const char *text, void *target)
{
    *(const char **)target = text;
    return *text && strlen(text) < 16 && !strpbrk(text, "/ \t") ? NULL
                                                                : "must be an interface's name: 1 to 15 characters";
}

static const char *option_ecn(const char *text, void *target)
{
    static const char *const names[] = {[LA_ECN_OFF] = "off", [LA_ECN_ACCEPT] = "accept", [LA_ECN_OFFER] = "offer"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i]) == 0) {
            *(enum la_ecn *)target = (enum la_ecn)i;
            return NULL;
        }
    }
    return "must be off, accept or offer";
}

static void init_place(struct network_options *options)
{
    const struct option_spec place[NETWORK_PLACE] = {
        {0, "tun", "NAME", "the TUN device (default lastack0)", option_tun, &options->tun_name},
        {0, "tap", NULL, "a TAP device instead: Ethernet frames, ARP, neighbour\ndiscovery", option_flag,
         &options->tap},
        {0, "probe", NULL,
         "with --tap: ask for the address before it is used, since\nanother station may have it; takes up to 7 s",
         option_flag, &options->probe},
        {0, "address", "ADDR/PREFIX", "lastack's own address (default 10.83.0.2/24)", option_prefix, &options->address},
        {0, "peer-address", "ADDR", "the kernel's address on the device\n(default: the prefix's first other one)",
         option_address, &options->peer_address},
        {0, "mtu", "OCTETS", "of the device (default 1500)", option_mtu, &options->mtu},
        {0, "netns", NULL, "in a network namespace of its own; needs no privilege\nwhere user namespaces are allowed",
         option_flag, &options->netns},
        {0, "run", "COMMAND",
         "--netns, and COMMAND (by sh -c) in it on the kernel's side;\n$LASTACK_ADDRESS and $LASTACK_PEER_ADDRESS are "
         "set for it",
         option_text, &options->run},
    };
    memcpy(options->place, place, sizeof place);
}

static void init_offered(struct network_options *options)
{
    const struct option_spec offered[NETWORK_OFFERED] = {
        {0, "no-window-scaling", NULL, "windows of 65535 octets at most: no RFC 7323 scaling", option_flag,
         &options->no_window_scaling},
        {0, "no-timestamps", NULL, "no RFC 7323 timestamps", option_flag, &options->no_timestamps},
        {0, "ecn", "WHEN", "congestion marks: off, accept (where the peer offers\nthem, the default) or offer",
         option_ecn, &options->ecn},
    };
    memcpy(options->offered, offered, sizeof offered);
}

static void init_trouble(struct network_options *options)
{
    for (size_t i = 0; i < TROUBLES; i++) {
        options->impair_target[i] = (struct impair_target){&options->impair, troubles[i].name};
        options->trouble[i] = (struct option_spec){
            0, troubles[i].name, troubles[i].argument, troubles[i].help, troubles[i].parse, &options->impair_target[i]};
    }
}

static void init_seeing(struct network_options *options)
{
    const struct option_spec seeing[NETWORK_SEEING] = {
        {0, "ladder", NULL, "every segment and state as a ladder on standard error", option_flag, &options->ladder},
        {0, "pcap", "FILE", "a capture for Wireshark, with comments (pcapng)", option_text, &options->pcap},
        {0, "json", NULL, "the final report as JSON", option_flag, &options->json},
        {0, "msl", "SECONDS", "TIME-WAIT lasts twice this; fractions allowed; 0: no wait\n(default 30)", option_msl_ms,
         &options->msl_ms},
        {0, "seconds", "N", "end after so long", option_seconds_ms, &options->seconds_ms},
        {0, "control", "SOCKET", "a socket by which \"lastack waits\" sees what waits", option_text, &options->control},
        {0, "waits", "FILE",
         "take over what waits there, and leave there what waits\nat the end: TIME-WAIT outlives the process",
         option_text, &options->waits},
        {0, "quiet-time", "SECONDS", "be silent at first (RFC 9293 3.4.3), where nothing is\nknown of what was before",
         option_seconds_ms, &options->quiet_ms},
    };
    memcpy(options->seeing, seeing, sizeof seeing);
}

void network_options_init(struct network_options *options, struct option_group groups[NETWORK_GROUPS])
{
    *options = (struct network_options){.tun_name = "lastack0", .mtu = 1500, .msl_ms = 30000, .ecn = LA_ECN_ACCEPT};
    options->address = (struct option_prefix){la_address_ipv4(10, 83, 0, 2), 24};
    init_place(options);
    init_offered(options);
    init_trouble(options);
    init_seeing(options);
    groups[0] = (struct option_group){"Where", options->place, NETWORK_PLACE};
    groups[1] = (struct option_group){"What TCP offers and takes", options->offered, NETWORK_OFFERED};
    groups[2] =
        (struct option_group){"Trouble on the way (between lastack and the device)", options->trouble, TROUBLES};
    groups[3] = (struct option_group){"Seeing, and time", options->seeing, NETWORK_SEEING};
}

static bool same_prefix(const struct la_address *a, const struct la_address *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    return memcmp(a->octets, b->octets, whole) == 0 &&
           (!rest || (a->octets[whole] ^ b->octets[whole]) >> (8 - rest) == 0);
}

/* The address with all bits behind the prefix cleared, and host added (which fits the last octet). */
static struct la_address host_of(const struct la_address *address, unsigned bits, uint8_t host)
{
    struct la_address result = *address;
    for (unsigned i = bits; i < 128; i++)
        result.octets[i / 8] = (uint8_t)(result.octets[i / 8] & ~(0x80u >> i % 8));
    result.octets[15] = (uint8_t)(result.octets[15] | host);
    return result;
}

/* Neither the prefix itself nor its broadcast address, nor what no host has: RFC 1122 3.2.1.3. */
static bool is_host(const struct la_address *address, unsigned bits)
{
    struct la_address network = host_of(address, bits, 0), last = network;
    for (unsigned i = bits; i < 128; i++)
        last.octets[i / 8] = (uint8_t)(last.octets[i / 8] | 0x80u >> i % 8);
    if (la_address_equal(address, &network) || (la_address_is_ipv4(address) && la_address_equal(address, &last)))
        return false;
    uint8_t first = address->octets[la_address_is_ipv4(address) ? 12 : 0];
    static const uint8_t none[15];
    bool loopback = memcmp(address->octets, none, sizeof none) == 0; /* ::1 */
    return la_address_is_ipv4(address) ? first != 0 && first != 127 && first < 224 : first != 0xff && !loopback;
}

const char *network_options_complete(struct network_options *options)
{
    static const struct la_address any;
    const struct la_address *own = &options->address.address;
    unsigned bits = options->address.length + (la_address_is_ipv4(own) ? 96 : 0);
    if (options->run)
        options->netns = true;
    if (la_address_equal(&options->peer_address, &any)) {
        options->peer_address = host_of(own, bits, 1);
        if (la_address_equal(&options->peer_address, own))
            options->peer_address = host_of(own, bits, 2);
    }
    if (!is_host(own, bits))
        return "--address is not one that a host can have in its prefix";
    if (!is_host(&options->peer_address, bits))
        return "--peer-address is not one that a host can have in its prefix";
    if (options->probe && !options->tap)
        return "--probe asks other stations, which only --tap has";
    if (options->tap && options->mtu > 65535 - LA_ETHERNET_HEADER_BYTES)
        return "--tap carries packets of at most 65521 octets: --mtu is larger";
    if (la_address_equal(&options->peer_address, own))
        return "--address and --peer-address are the same: lastack and the kernel are two hosts";
    if (!same_prefix(own, &options->peer_address, bits))
        return "--peer-address does not lie in the prefix of --address";
    if (!la_address_is_ipv4(own) && options->mtu < IPV6_MTU_LEAST)
        return "--mtu: IPv6 asks for 1280 octets or more";
    return NULL;
}
