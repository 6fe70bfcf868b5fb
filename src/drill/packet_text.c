#include "packet.h"

#include <string.h>

/* Packets as scripts write them, and how two differ. */

/* ---- writing ---- */

static void write_octets(FILE *out, const uint8_t *octets, unsigned length)
{
    for (unsigned i = 0; i < length; i++)
        fprintf(out, "%s%02x", i == 0 ? " " : "", octets[i]);
}

static void write_accecn(FILE *out, const struct tcp_option *option)
{
    static const char *const names[2][3] = {{"e0b", "ceb", "e1b"}, {"e1b", "ceb", "e0b"}};
    fputs("ECN", out);
    for (unsigned i = 0; i < 3 && i * 3 + 3U <= option->length - 2U; i++) {
        const uint8_t *field = &option->data[(size_t)i * 3];
        fprintf(out, " %s %u", names[option->kind == OPTION_ACCECN_1][i],
                (unsigned)(field[0] << 16 | field[1] << 8 | field[2]));
    }
}

static void write_sack(FILE *out, const struct tcp_option *option)
{
    fputs("sack", out);
    for (unsigned edge = 0; edge + 8U <= option->length - 2U; edge += 8)
        fprintf(out, " %u:%u", packet_get32(&option->data[edge]), packet_get32(&option->data[edge + 4]));
}

static void write_option(FILE *out, const struct tcp_option *option)
{
    const uint8_t *data = option->data;
    if (option->kind == OPTION_EOL)
        fputs("eol", out);
    else if (option->kind == OPTION_NOP)
        fputs("nop", out);
    else if (option->kind == OPTION_MSS && option->length == 4)
        fprintf(out, "mss %u", (unsigned)(data[0] << 8 | data[1]));
    else if (option->kind == OPTION_WSCALE && option->length == 3)
        fprintf(out, "wscale %u", data[0]);
    else if (option->kind == OPTION_SACK_PERMITTED && option->length == 2)
        fputs("sackOK", out);
    else if (option->kind == OPTION_SACK && option->length % 8 == 2)
        write_sack(out, option);
    else if (option->kind == OPTION_TIMESTAMP && option->length == 10)
        fprintf(out, "TS val %u ecr %u", packet_get32(data), packet_get32(data + 4));
    else if (option->kind == OPTION_ACCECN_0 || option->kind == OPTION_ACCECN_1)
        write_accecn(out, option);
    else if (option->kind == OPTION_MD5 || option->kind == OPTION_FAST_OPEN) {
        fputs(option->kind == OPTION_MD5 ? "md5" : "FO", out);
        write_octets(out, data, option->length - 2U);
    } else if (option->kind == OPTION_EXPERIMENT && option->length >= 4 && data[0] == 0xf9 && data[1] == 0x89) {
        fputs("FOEXP", out);
        write_octets(out, data + 2, option->length - 4U);
    } else {
        fprintf(out, "kind %u length %u", option->kind, option->length);
    }
}

static void write_options(FILE *out, const struct packet *packet)
{
    struct packet copy = *packet;
    struct tcp_option option;
    bool is_broken = false;
    unsigned at = 0;
    if (packet->any_options)
        fputs(" <...>", out);
    if (packet->any_options || packet->option_bytes == 0)
        return;
    fputs(" <", out);
    while (packet_option(&copy, &at, &option, &is_broken)) {
        write_option(out, &option);
        fputs(at < copy.option_bytes ? "," : "", out);
    }
    fputs(is_broken ? "(malformed)>" : ">", out);
}

static void write_flags(FILE *out, const struct packet *packet)
{
    static const struct {
        uint16_t flag;
        char letter;
    } letters[] = {{LA_FIN, 'F'}, {LA_SYN, 'S'}, {LA_RST, 'R'}, {LA_PSH, 'P'},   {LA_ACK, '.'},
                   {LA_URG, 'U'}, {LA_ECE, 'E'}, {LA_CWR, 'W'}, {PACKET_AE, 'A'}};
    const uint16_t ecn = LA_ECE | LA_CWR | PACKET_AE;
    uint16_t flags = packet->flags;
    if (packet->flags_are_ace)
        flags &= (uint16_t)~ecn;
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++)
        if ((flags & letters[i].flag) != 0)
            fputc(letters[i].letter, out);
    if (packet->flags_are_ace)
        fprintf(out, "%u", (unsigned)packet->flags >> 6 & 7);
    else if (packet->flags == 0)
        fputc('-', out);
}

static void write_ip(FILE *out, const struct packet *packet)
{
    static const char *const ecn[4] = {"noecn", "ect1", "ect0", "ce"};
    switch (packet->tos_check) {
    case TOS_ANY: break;
    case TOS_ECN: fprintf(out, "[%s] ", ecn[packet->tos & 3]); break;
    case TOS_ECT_0_OR_1: fputs("[ect01] ", out); break;
    case TOS_WHOLE: fprintf(out, "[tos 0x%x] ", packet->tos); break;
    }
    if (!packet->is_outbound && packet->ttl != 0)
        fprintf(out, "[ttl %u] ", packet->ttl);
}

static void write_icmp(FILE *out, const struct packet *packet)
{
    fprintf(out, "icmp type_%u code_%u", packet->icmp_type, packet->icmp_code);
    if (packet->has_mtu)
        fprintf(out, " mtu %u", packet->mtu);
    if (packet->has_id)
        fprintf(out, " id %u", packet->echo_id);
    if (packet->quote == QUOTE_TCP)
        fprintf(out, " [%u:%u(%u)]", packet->quote_seq, packet->quote_seq + packet->quote_length, packet->quote_length);
    else if (packet->quote == QUOTE_RAW)
        fprintf(out, " [raw(%u)]", packet->quote_length);
}

void packet_write(FILE *out, const struct packet *packet)
{
    fputs(packet->is_outbound ? "> " : "< ", out);
    write_ip(out, packet);
    if (packet->protocol == PACKET_ICMP) {
        write_icmp(out, packet);
        return;
    }
    if (packet->source.port != 0 || packet->destination.port != 0)
        fprintf(out, "%u > %u ", packet->source.port, packet->destination.port);
    write_flags(out, packet);
    fprintf(out, " %u:%u(%u)", packet->seq, packet->seq + packet->length, packet->length);
    if ((packet->flags & LA_ACK) != 0 || packet->ack != 0)
        fprintf(out, " ack %u", packet->ack);
    if (packet->has_window)
        fprintf(out, " win %u", packet->window);
    if (packet->urgent != 0)
        fprintf(out, " urg %u", packet->urgent);
    write_options(out, packet);
}

/* ---- comparing ---- */

struct difference {
    char *text;
    size_t size;
    bool is_any;
};

static void differ(struct difference *difference, const char *what)
{
    size_t used = strlen(difference->text);
    snprintf(difference->text + used, difference->size - used, "%s%s", difference->is_any ? ", " : "", what);
    difference->is_any = true;
}

static void compare(struct difference *difference, const char *what, uint32_t expected, uint32_t actual)
{
    if (expected != actual)
        differ(difference, what);
}

static void compare_options(struct difference *difference, const struct packet *line, const struct packet *actual)
{
    struct packet expected = *line;
    struct packet sent = *actual;
    if (line->any_options)
        return;
    uint8_t *expected_timestamp = packet_timestamp(&expected);
    uint8_t *sent_timestamp = packet_timestamp(&sent);
    if (expected_timestamp != NULL && sent_timestamp != NULL)
        memcpy(sent_timestamp, expected_timestamp, 4);
    if (expected.option_bytes != sent.option_bytes || memcmp(expected.options, sent.options, sent.option_bytes) != 0)
        differ(difference, "options");
}

static void compare_ip(struct difference *difference, const struct packet *line, const struct packet *actual)
{
    uint8_t ecn = actual->tos & 3;
    switch (line->tos_check) {
    case TOS_ANY: break;
    case TOS_ECN: compare(difference, "ECN in the IP header", line->tos & 3, ecn); break;
    case TOS_ECT_0_OR_1:
        if (ecn != 1 && ecn != 2)
            differ(difference, "ECN in the IP header");
        break;
    case TOS_WHOLE: compare(difference, "tos", line->tos, actual->tos); break;
    }
    if (line->ttl != 0)
        compare(difference, "ttl", line->ttl, actual->ttl);
}

static void compare_icmp(struct difference *difference, const struct packet *line, const struct packet *actual)
{
    compare(difference, "type", line->icmp_type, actual->icmp_type);
    compare(difference, "code", line->icmp_code, actual->icmp_code);
    if (line->has_mtu && (!actual->has_mtu || line->mtu != actual->mtu))
        differ(difference, "mtu");
    if (line->has_id && (!actual->has_id || line->echo_id != actual->echo_id))
        differ(difference, "id");
    if (line->quote == QUOTE_RAW)
        compare(difference, "length", line->quote_length, actual->quote_length);
}

bool packet_differs(const struct packet *line, const struct packet *actual, char *what, size_t size)
{
    struct difference difference = {.text = what, .size = size};
    what[0] = '\0';
    if (line->protocol != actual->protocol) {
        differ(&difference, "protocol");
        return true;
    }
    compare_ip(&difference, line, actual);
    if (line->protocol == PACKET_ICMP) {
        compare_icmp(&difference, line, actual);
        return difference.is_any;
    }
    compare(&difference, "flags", line->flags, actual->flags);
    compare(&difference, "sequence number", line->seq, actual->seq);
    compare(&difference, "length", line->length, actual->length);
    compare(&difference, "ack", line->ack, actual->ack);
    if (line->has_window)
        compare(&difference, "win", line->window, actual->window);
    compare(&difference, "urg", line->urgent, actual->urgent);
    compare_options(&difference, line, actual);
    return difference.is_any;
}
