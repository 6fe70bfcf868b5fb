#include <stdlib.h>
#include <string.h>

#include "parse_private.h"

/* A packet's line: < or >, IP, ports, flags, numbers, options; or ICMP. */

/* ---- (tos 0x10), [ect0, flowlabel 0x1], [ttl 3] ---- */

static bool take_tos(struct parser *parser, struct packet *packet)
{
    static const struct {
        const char *name;
        enum tos_check check;
        uint8_t tos;
    } ecn[] = {{"noecn", TOS_ECN, 0},
               {"ect1", TOS_ECN, 1},
               {"ect0", TOS_ECN, 2},
               {"ce", TOS_ECN, 3},
               {"ect01", TOS_ECT_0_OR_1, 0}};
    int64_t value = 0;
    for (size_t i = 0; i < sizeof ecn / sizeof ecn[0]; i++) {
        if (!token_is(&parser->token, ecn[i].name))
            continue;
        if (ecn[i].check == TOS_ECT_0_OR_1 && !packet->is_outbound)
            return problem_at(parser->problem, parser->token.place, "ect01 is for packets that are expected (>)");
        packet->tos_check = ecn[i].check;
        packet->tos = ecn[i].tos;
        parser_next(parser);
        return true;
    }
    if (!token_is(&parser->token, "tos"))
        return parser_expected(parser, "noecn, ect0, ect1, ect01, ce, tos, ttl or flowlabel");
    parser_next(parser);
    if (!parser_take_integer(parser, 0, UINT8_MAX, "a tos", &value))
        return false;
    packet->tos_check = TOS_WHOLE;
    packet->tos = (uint8_t)value;
    return true;
}

static bool take_ip_member(struct parser *parser, struct packet *packet)
{
    int64_t value = 0;
    if (token_is(&parser->token, "ttl")) {
        parser_next(parser);
        if (!parser_take_integer(parser, 1, UINT8_MAX, "a ttl", &value))
            return false;
        packet->ttl = (uint8_t)value;
        return true;
    }
    if (token_is(&parser->token, "flowlabel")) {
        struct place place = parser->token.place;
        parser_next(parser);
        if (!parser_take_integer(parser, 0, 0xfffff, "a flow label", &value))
            return false;
        if (parser->dialect->is_ipv4)
            return problem_at(parser->problem, place, "IPv4 has no flowlabel: say --ip_version=ipv6");
        packet->has_flow_label = value != 0;
        packet->flow_label = (uint32_t)value;
        return true;
    }
    return take_tos(parser, packet);
}

static bool take_ip(struct parser *parser, struct packet *packet)
{
    bool is_bracket = token_is_mark(&parser->token, '[');
    if (!is_bracket && !token_is_mark(&parser->token, '('))
        return true;
    do {
        parser_next(parser);
        if (!take_ip_member(parser, packet))
            return false;
    } while (token_is_mark(&parser->token, ','));
    return parser_take_mark(parser, is_bracket ? ']' : ')', is_bracket ? "]" : ")");
}

/* ---- TCP's options ---- */

static void add_number(struct packet *packet, uint32_t number, unsigned octets)
{
    while (octets-- > 0 && packet->option_bytes < PACKET_OPTIONS_ROOM)
        packet->options[packet->option_bytes++] = (uint8_t)(number >> (8 * octets));
}

/* Kind and length; what follows may make it longer. Answers where the length stands. */
static unsigned add_head(struct packet *packet, unsigned kind, unsigned length)
{
    add_number(packet, kind, 1);
    add_number(packet, length, 1);
    return packet->option_bytes - 1U;
}

static void set_length(struct packet *packet, unsigned at)
{
    packet->options[at] = (uint8_t)(packet->option_bytes + 1U - at);
}

static bool take_number_option(struct parser *parser, struct packet *packet, unsigned kind, unsigned octets,
                               const char *what)
{
    int64_t value = 0;
    if (!parser_take_integer(parser, 0, (INT64_C(1) << (8 * octets)) - 1, what, &value))
        return false;
    add_head(packet, kind, octets + 2);
    add_number(packet, (uint32_t)value, octets);
    return true;
}

static bool take_timestamp(struct parser *parser, struct packet *packet)
{
    int64_t value = 0;
    int64_t reply = 0;
    if (!parser_take_word(parser, "val") ||
        !parser_take_integer(parser, 0, UINT32_MAX, "a timestamp's value", &value) ||
        !parser_take_word(parser, "ecr") ||
        !parser_take_integer(parser, 0, UINT32_MAX, "a timestamp's echo reply", &reply))
        return false;
    add_head(packet, OPTION_TIMESTAMP, 10);
    add_number(packet, (uint32_t)value, 4);
    add_number(packet, (uint32_t)reply, 4);
    return true;
}

static bool take_sack(struct parser *parser, struct packet *packet)
{
    unsigned length_at = add_head(packet, OPTION_SACK, 2);
    do {
        int64_t left = 0;
        int64_t right = 0;
        if (!parser_take_integer(parser, 0, UINT32_MAX, "a SACK block (1001:2001)", &left) ||
            !parser_take_mark(parser, ':', ":") ||
            !parser_take_integer(parser, 0, UINT32_MAX, "a SACK block's right edge", &right))
            return false;
        add_number(packet, (uint32_t)left, 4);
        add_number(packet, (uint32_t)right, 4);
    } while (parser->token.kind == TOKEN_INTEGER);
    set_length(packet, length_at);
    return true;
}

/* Octets in hexadecimal, if the token is that: md5's digest, a cookie. */
static bool take_octets(struct parser *parser, struct packet *packet, unsigned length_at)
{
    const struct token *token = &parser->token;
    if (token->kind == TOKEN_WORD || token->kind == TOKEN_INTEGER) {
        const char *digits = "0123456789abcdef";
        if (token->length % 2 != 0)
            return problem_at(parser->problem, token->place, "octets in hexadecimal have two digits each");
        for (size_t i = 0; i < token->length; i += 2) {
            const char *high = strchr(digits, token->text[i] | 0x20);
            const char *low = strchr(digits, token->text[i + 1] | 0x20);
            if (high == NULL || low == NULL)
                return parser_expected(parser, "octets in hexadecimal");
            add_number(packet, (uint32_t)((high - digits) << 4 | (low - digits)), 1);
        }
        parser_next(parser);
    }
    set_length(packet, length_at);
    return true;
}

static bool take_octets_option(struct parser *parser, struct packet *packet, unsigned kind)
{
    return take_octets(parser, packet, add_head(packet, kind, 2));
}

/* Fast Open as it was while it was an experiment: 0xf989 stands before the cookie (RFC 7413 4.1.1). */
static bool take_experiment(struct parser *parser, struct packet *packet)
{
    unsigned length_at = add_head(packet, OPTION_EXPERIMENT, 2);
    add_number(packet, 0xf989, 2);
    return take_octets(parser, packet, length_at);
}

/* AccECN: "ECN e0b 1 ceb 0 e1b 1", or with e1b first. */
static bool take_accecn(struct parser *parser, struct packet *packet)
{
    static const char *const orders[2][3] = {{"e0b", "ceb", "e1b"}, {"e1b", "ceb", "e0b"}};
    unsigned order = token_is(&parser->token, "e1b") ? 1 : 0;
    unsigned length_at = add_head(packet, order == 0 ? OPTION_ACCECN_0 : OPTION_ACCECN_1, 2);
    unsigned taken = 0;
    while (taken < 3 && token_is(&parser->token, orders[order][taken])) {
        int64_t value = 0;
        parser_next(parser);
        if (!parser_take_integer(parser, 0, 0xffffff, "a count of 24 bits", &value))
            return false;
        add_number(packet, (uint32_t)value, 3);
        taken++;
    }
    set_length(packet, length_at);
    return taken > 0 || parser_expected(parser, "e0b or e1b");
}

static bool take_named_option(struct parser *parser, struct packet *packet, const struct token *name)
{
    if (token_is(name, "mss"))
        return take_number_option(parser, packet, OPTION_MSS, 2, "an mss");
    if (token_is(name, "wscale"))
        return take_number_option(parser, packet, OPTION_WSCALE, 1, "a window scale");
    if (token_is(name, "TS"))
        return take_timestamp(parser, packet);
    if (token_is(name, "sack"))
        return take_sack(parser, packet);
    if (token_is(name, "md5"))
        return take_octets_option(parser, packet, OPTION_MD5);
    if (token_is(name, "FO"))
        return take_octets_option(parser, packet, OPTION_FAST_OPEN);
    if (token_is(name, "FOEXP"))
        return take_experiment(parser, packet);
    if (token_is(name, "ECN"))
        return take_accecn(parser, packet);
    return problem_at(parser->problem, name->place,
                      "there is no TCP option '%.*s'; there are mss, wscale, sackOK, sack, TS, nop, eol, md5, FO, "
                      "FOEXP and ECN",
                      (int)(name->length < 40 ? name->length : 40), name->text);
}

static bool take_option(struct parser *parser, struct packet *packet)
{
    struct token name = parser->token;
    if (name.kind != TOKEN_WORD)
        return parser_expected(parser, "a TCP option");
    parser_next(parser);
    if (token_is(&name, "nop"))
        add_number(packet, OPTION_NOP, 1);
    else if (token_is(&name, "eol"))
        add_number(packet, OPTION_EOL, 1);
    else if (token_is(&name, "sackOK"))
        add_head(packet, OPTION_SACK_PERMITTED, 2);
    else if (!take_named_option(parser, packet, &name))
        return false;
    return packet->option_bytes <= PACKET_OPTIONS_MAX ||
           problem_at(parser->problem, name.place, "a TCP header has room for 40 octets of options");
}

static bool take_options(struct parser *parser, struct packet *packet)
{
    if (!token_is_mark(&parser->token, '<'))
        return true;
    struct place place = parser->token.place;
    parser_next(parser);
    if (parser->token.kind == TOKEN_ELLIPSIS) {
        if (!packet->is_outbound)
            return problem_at(parser->problem, place, "<...> is for packets that are expected (>)");
        packet->any_options = true;
        parser_next(parser);
        return parser_take_mark(parser, '>', ">");
    }
    if (!take_option(parser, packet))
        return false;
    while (token_is_mark(&parser->token, ',')) {
        parser_next(parser);
        if (!take_option(parser, packet))
            return false;
    }
    if (!parser_take_mark(parser, '>', ", or > after the TCP options"))
        return false;
    if (packet->option_bytes % 4 != 0)
        return problem_at(parser->problem, place,
                          "the TCP options are %u octets; add nop or eol to make it a multiple of 4",
                          packet->option_bytes);
    return true;
}

/* ---- TCP ---- */

static bool take_ports(struct parser *parser, struct packet *packet)
{
    int64_t source = 0;
    int64_t destination = 0;
    if (parser->token.kind != TOKEN_INTEGER)
        return true;
    if (!parser_take_integer(parser, 0, UINT16_MAX, "a port", &source) ||
        !parser_take_mark(parser, '>', "> between two ports") || parser->token.kind != TOKEN_INTEGER)
        return parser->token.kind == TOKEN_INTEGER ? false : parser_expected(parser, "a port");
    destination = parser->token.integer;
    if (destination < 0 || destination > UINT16_MAX)
        return parser_expected(parser, "a port");
    packet->source.port = (uint16_t)source;
    packet->destination.port = (uint16_t)destination;
    parser_next(parser);
    return true;
}

/* "S.", "P.", "SEW", "-", "P.5": read by character, since to the lexer ".5" is a number. */
static bool take_flags(struct parser *parser, struct packet *packet)
{
    static const char letters[] = "FSRP.UEWA";
    static const uint16_t flags[] = {LA_FIN, LA_SYN, LA_RST, LA_PSH, LA_ACK, LA_URG, LA_ECE, LA_CWR, PACKET_AE};
    const uint16_t ecn = LA_ECE | LA_CWR | PACKET_AE;
    parser->lexer = parser->before;
    parser->token = lexer_flags(&parser->lexer);
    const struct token *token = &parser->token;
    if (token->kind != TOKEN_WORD)
        return parser_expected(parser, "TCP flags (S. F. P. R - ...)");
    bool is_none = token->length == 1 && token->text[0] == '-';
    for (size_t i = 0; i < token->length && !is_none; i++) {
        char c = token->text[i];
        const char *letter = c != '\0' ? strchr(letters, c) : NULL;
        if (letter != NULL) {
            packet->flags |= flags[letter - letters];
        } else if (c >= '0' && c <= '7' && i + 1 == token->length && (packet->flags & ecn) == 0) {
            packet->flags |= (uint16_t)((c - '0') << 6);
            packet->flags_are_ace = true;
        } else {
            return parser_expected(parser, "TCP flags (F S R P . U E W A, or - for none)");
        }
    }
    parser_next(parser);
    return true;
}

/* "1:1001(1000)". */
static bool take_range(struct parser *parser, uint32_t *seq, uint32_t *length)
{
    struct place place = parser->token.place;
    int64_t first = 0;
    int64_t last = 0;
    int64_t octets = 0;
    if (!parser_take_integer(parser, 0, UINT32_MAX, "a sequence range (1:1001(1000))", &first) ||
        !parser_take_mark(parser, ':', ":") || !parser_take_integer(parser, 0, UINT32_MAX, "the range's end", &last) ||
        !parser_take_mark(parser, '(', "( and the length") ||
        !parser_take_integer(parser, 0, UINT16_MAX, "a length of text", &octets) || !parser_take_mark(parser, ')', ")"))
        return false;
    if ((uint32_t)(first + octets) != (uint32_t)last)
        return problem_at(parser->problem, place, "%lld and %lld octets end at %u, not at %lld", (long long)first,
                          (long long)octets, (uint32_t)(first + octets), (long long)last);
    *seq = (uint32_t)first;
    *length = (uint32_t)octets;
    return true;
}

/* "ack 1", "win 1000", "urg 5", each at most once. */
static bool take_named(struct parser *parser, const char *name, int64_t maximum, bool *is_there, int64_t *value)
{
    *is_there = token_is(&parser->token, name);
    if (!*is_there)
        return true;
    parser_next(parser);
    return parser_take_integer(parser, 0, maximum, "a number", value);
}

static bool take_tcp(struct parser *parser, struct packet *packet)
{
    struct place place = parser->token.place;
    int64_t ack = 0;
    int64_t window = 0;
    int64_t urgent = 0;
    bool has_ack = false;
    bool has_urgent = false;
    packet->protocol = PACKET_TCP;
    if (!take_ports(parser, packet) || !take_flags(parser, packet) ||
        !take_range(parser, &packet->seq, &packet->length) || !take_named(parser, "ack", UINT32_MAX, &has_ack, &ack) ||
        !take_named(parser, "win", UINT16_MAX, &packet->has_window, &window) ||
        !take_named(parser, "urg", UINT16_MAX, &has_urgent, &urgent) || !take_options(parser, packet))
        return false;
    packet->ack = (uint32_t)ack;
    packet->window = (uint16_t)window;
    packet->urgent = (uint16_t)urgent;
    if (!packet->is_outbound && !packet->has_window)
        return problem_at(parser->problem, place, "a packet that goes in (<) needs a window: win N");
    return true;
}

/* ---- ICMP ---- */

/* The names that there are, after what is wrong. */
static bool wrong_icmp_name(struct parser *parser, const struct token *token, const char *what, int type)
{
    char *names = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&names, &size);
    if (out != NULL) {
        if (type < 0)
            icmp_type_names(out, parser->dialect->is_ipv4);
        else
            icmp_code_names(out, parser->dialect->is_ipv4, (uint8_t)type);
        fclose(out);
    }
    problem_at(parser->problem, token->place, "there is no ICMP %s '%.*s'; there are %s", what,
               (int)(token->length < 40 ? token->length : 40), token->text, names != NULL ? names : "others");
    free(names);
    return false;
}

static bool take_icmp_names(struct parser *parser, struct packet *packet)
{
    bool is_ipv4 = parser->dialect->is_ipv4;
    if (parser->token.kind != TOKEN_WORD)
        return parser_expected(parser, "an ICMP type");
    int type = icmp_type_number(is_ipv4, parser_text(parser));
    if (type < 0)
        return wrong_icmp_name(parser, &parser->token, "type", -1);
    packet->icmp_type = (uint8_t)type;
    parser_next(parser);
    if (parser->token.kind != TOKEN_WORD || token_is(&parser->token, "mtu") || token_is(&parser->token, "id"))
        return true;
    int code = icmp_code_number(is_ipv4, packet->icmp_type, parser_text(parser));
    if (code < 0)
        return wrong_icmp_name(parser, &parser->token, "code", type);
    packet->icmp_code = (uint8_t)code;
    parser_next(parser);
    return true;
}

/* "[1:1001(1000)]", "[raw(64)]". */
static bool take_quote(struct parser *parser, struct packet *packet)
{
    int64_t length = 0;
    parser_next(parser);
    if (token_is(&parser->token, "udp"))
        return problem_at(parser->problem, parser->token.place, "lastack has no UDP to quote");
    if (token_is(&parser->token, "raw")) {
        parser_next(parser);
        if (!parser_take_mark(parser, '(', "(") ||
            !parser_take_integer(parser, 8, 65000, "a message's length", &length) ||
            !parser_take_mark(parser, ')', ")"))
            return false;
        packet->quote = QUOTE_RAW;
        packet->quote_length = (uint32_t)length;
    } else {
        if (packet->is_outbound)
            return problem_at(parser->problem, parser->token.place,
                              "what a message that the host sends quotes is not compared: [raw(N)] is its length");
        packet->quote = QUOTE_TCP;
        if (!take_range(parser, &packet->quote_seq, &packet->quote_length))
            return false;
    }
    return parser_take_mark(parser, ']', "]");
}

/* "mtu 1200" of an error, "id 7" of what is none. */
static bool take_icmp_numbers(struct parser *parser, struct packet *packet, bool is_error)
{
    int64_t mtu = 0;
    int64_t id = 0;
    struct place place = parser->token.place;
    if (!take_named(parser, "mtu", UINT32_MAX, &packet->has_mtu, &mtu))
        return false;
    if (packet->has_mtu && !is_error)
        return problem_at(parser->problem, place, "this ICMP message is no error, and has no mtu");
    place = parser->token.place;
    if (!take_named(parser, "id", UINT16_MAX, &packet->has_id, &id))
        return false;
    if (packet->has_id && is_error)
        return problem_at(parser->problem, place, "this ICMP message is an error, and has no id");
    packet->mtu = (uint32_t)mtu;
    packet->echo_id = (uint16_t)id;
    return true;
}

static bool take_icmp(struct parser *parser, struct packet *packet)
{
    packet->protocol = PACKET_ICMP;
    parser_next(parser);
    if (!take_icmp_names(parser, packet))
        return false;
    bool is_error = icmp_is_error(parser->dialect->is_ipv4, packet->icmp_type);
    if (!take_icmp_numbers(parser, packet, is_error))
        return false;
    packet->quote = is_error && !packet->is_outbound ? QUOTE_TCP : QUOTE_NONE;
    return !token_is_mark(&parser->token, '[') || take_quote(parser, packet);
}

struct packet *parse_packet(struct parser *parser)
{
    static const char *const absent[] = {"udp", "ipv4", "ipv6", "gre", "GREv0", "mpls", "encap", "psp"};
    struct packet *packet = arena_take(&parser->script->arena, sizeof *packet);
    packet->is_outbound = token_is_mark(&parser->token, '>');
    parser_next(parser);
    if (!take_ip(parser, packet))
        return NULL;
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
        if (token_is(&parser->token, absent[i])) {
            problem_at(parser->problem, parser->token.place, "lastack has no %s", absent[i]);
            return NULL;
        }
    bool good = token_is(&parser->token, "icmp") ? take_icmp(parser, packet) : take_tcp(parser, packet);
    return good ? packet : NULL;
}
