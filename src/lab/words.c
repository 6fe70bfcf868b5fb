#include "words.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- words ------------------------------------------------------------------------------------------------------- */

static bool fail_at(struct words *words, uint32_t column, const char *text)
{
    words->error->line = words->line;
    words->error->column = column;
    snprintf(words->error->text, sizeof words->error->text, "%s", text);
    return false;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* "like \"this\"\n": from the opening quote on; the position behind the closing one, or 0. */
static size_t take_quoted(struct words *words, struct word *word, const char *line, size_t length, size_t at)
{
    size_t used = 0;
    for (at++; at < length && line[at] != '"'; at++) {
        char c = line[at];
        if (c == '\\' && at + 1 < length) {
            c = line[++at];
            if (c != 'n' && c != '"' && c != '\\') {
                fail_at(words, (uint32_t)at, "in quotes \\ stands before n, \" or \\");
                return 0;
            }
            c = c == 'n' ? '\n' : c;
        }
        if (used + 1 == sizeof word->text) {
            fail_at(words, word->column, "the text in quotes is too long");
            return 0;
        }
        word->text[used++] = c;
    }
    if (at == length) {
        fail_at(words, word->column, "the closing quote is missing");
        return 0;
    }
    word->text[used] = '\0';
    word->quoted = true;
    return at + 1;
}

static size_t take_plain(struct words *words, struct word *word, const char *line, size_t length, size_t at)
{
    size_t used = 0;
    bool mark = line[at] == ':' || line[at] == ',';
    for (; at < length && !is_blank(line[at]) && line[at] != '"' && line[at] != ','; at++) {
        bool last = at + 1 == length || is_blank(line[at + 1]);
        if (line[at] == ':' && last && used > 0)
            break;
        if (used + 1 == sizeof word->text) {
            fail_at(words, word->column, "the word is too long");
            return 0;
        }
        word->text[used++] = line[at];
    }
    if (mark && used == 0)
        word->text[used++] = line[at++];
    word->text[used] = '\0';
    word->quoted = false;
    return at;
}

bool words_split(struct words *words, const char *line, size_t length)
{
    words->count = words->at = 0;
    words->end_column = (uint32_t)length + 1;
    for (size_t at = 0;;) {
        while (at < length && is_blank(line[at]))
            at++;
        if (at == length || line[at] == '#')
            return true;
        if (line[at] == '\0')
            return fail_at(words, (uint32_t)at + 1, "a NUL octet");
        if (words->count == WORDS_A_LINE)
            return fail_at(words, (uint32_t)at + 1, "too many words on a line");
        struct word *word = &words->word[words->count++];
        word->column = (uint32_t)at + 1;
        at = line[at] == '"' ? take_quoted(words, word, line, length, at) : take_plain(words, word, line, length, at);
        if (at == 0)
            return false;
    }
}

bool words_fail(struct words *words, const char *format, ...)
{
    char text[sizeof words->error->text];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return fail_at(words, words->at > 0 ? words->word[words->at - 1].column : 1, text);
}

bool words_skip(struct words *words, const char *text)
{
    if (words->at == words->count || words->word[words->at].quoted || strcmp(words->word[words->at].text, text) != 0)
        return false;
    words->at++;
    return true;
}

const struct word *words_next(struct words *words, const char *what)
{
    if (words->at == words->count) {
        char text[100];
        snprintf(text, sizeof text, "%s is missing", what);
        fail_at(words, words->end_column, text);
        return NULL;
    }
    return &words->word[words->at++];
}

bool words_end(struct words *words)
{
    if (words->at == words->count)
        return true;
    words->at++;
    return words_fail(words, "'%.60s': nothing more belongs here", words->word[words->at - 1].text);
}

/* ---- times and numbers ------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    la_time ns;
} units[] = {{"s", LA_SECOND}, {"ms", LA_MILLISECOND}, {"us", LA_MICROSECOND}, {"ns", 1}};

#define YEAR_S UINT64_C(31536000)

/* Decimal digits, so that a time is exact: at most nine behind the point. */
static bool decimal(const char *text, uint64_t *whole, uint64_t *billionths, const char **rest)
{
    uint64_t scale = 100000000;
    *whole = *billionths = 0;
    if (*text < '0' || *text > '9')
        return false;
    for (; *text >= '0' && *text <= '9'; text++) {
        *whole = *whole * 10 + (uint64_t)(*text - '0');
        if (*whole > YEAR_S * 1000000000)
            return false;
    }
    if (*text == '.') {
        for (text++; *text >= '0' && *text <= '9' && scale > 0; text++, scale /= 10)
            *billionths += (uint64_t)(*text - '0') * scale;
    }
    *rest = text;
    return true;
}

bool time_parse(const char *text, la_time *time)
{
    uint64_t whole;
    uint64_t billionths;
    const char *rest;
    if (!decimal(text, &whole, &billionths, &rest))
        return false;
    if (*rest == '\0' && whole == 0 && billionths == 0) {
        *time = 0;
        return true;
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(rest, units[i].name) != 0)
            continue;
        if (whole > YEAR_S * (LA_SECOND / units[i].ns))
            return false;
        *time = whole * units[i].ns + billionths * (units[i].ns / 1000) / 1000000;
        return true;
    }
    return false;
}

const char *time_write(la_time time, char text[32])
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        la_time unit = units[i].ns;
        la_time thousandth = unit >= 1000 ? unit / 1000 : 1;
        if (time < unit || time % thousandth != 0)
            continue;
        uint64_t rest = time % unit / thousandth;
        if (rest == 0) {
            snprintf(text, 32, "%" PRIu64 "%s", time / unit, units[i].name);
            return text;
        }
        snprintf(text, 32, "%" PRIu64 ".%03u", time / unit, (unsigned)(rest % 1000));
        while (text[strlen(text) - 1] == '0')
            text[strlen(text) - 1] = '\0';
        snprintf(text + strlen(text), 32 - strlen(text), "%s", units[i].name);
        return text;
    }
    snprintf(text, 32, time == 0 ? "0" : "%" PRIu64 "ns", time);
    return text;
}

bool words_time(struct words *words, la_time *time)
{
    const struct word *word = words_next(words, "a time");
    if (word == NULL)
        return false;
    if (!word->quoted && time_parse(word->text, time))
        return true;
    return words_fail(words, "'%.60s' is no time: a number and s, ms, us or ns", word->text);
}

bool words_number(struct words *words, const char *what, uint64_t most, uint64_t *number)
{
    const struct word *word = words_next(words, what);
    uint64_t billionths;
    const char *rest;
    if (word == NULL)
        return false;
    if (!word->quoted && decimal(word->text, number, &billionths, &rest) && *rest == '\0' && *number <= most &&
        strchr(word->text, '.') == NULL)
        return true;
    return words_fail(words, "'%.60s' is not %s: a whole number up to %" PRIu64, word->text, what, most);
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

bool words_name(struct words *words, const char *what, name_of *name, int count, int *index)
{
    const struct word *word = words_next(words, what);
    if (word == NULL)
        return false;
    for (int i = 0; i < count && !word->quoted; i++) {
        if (strcmp(word->text, name(i)) == 0) {
            *index = i;
            return true;
        }
    }
    char list[140] = "";
    for (int i = 0; i < count && strlen(list) + strlen(name(i)) + 6 < sizeof list; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i > 0 ? ", " : "", name(i));
    return words_fail(words, "'%.30s' is not %s: %s", word->text, what, list);
}

const char *verb_name(int verb)
{
    switch ((enum scenario_verb)verb) {
    case VERB_LISTEN: return "listen";
    case VERB_UNLISTEN: return "unlisten";
    case VERB_CONNECT: return "connect";
    case VERB_SEND: return "send";
    case VERB_READ: return "read";
    case VERB_HOLD: return "hold";
    case VERB_SHUTDOWN: return "shutdown";
    case VERB_CLOSE: return "close";
    case VERB_LINGER: return "linger";
    case VERB_ABORT: return "abort";
    case VERB_RELEASE: return "release";
    case VERB_SET: return "set";
    case VERB_VANISH: return "vanish";
    }
    return "?";
}

const char *predicate_name(int predicate)
{
    switch ((enum scenario_predicate)predicate) {
    case EXPECT_IS: return "is";
    case EXPECT_ENTERS: return "enters";
    case EXPECT_SENDS: return "sends";
    case EXPECT_REPEATS: return "repeats";
    case EXPECT_RECEIVES: return "receives";
    case EXPECT_ENDS: return "ends";
    case EXPECT_ANSWERS: return "answers";
    case EXPECT_WAITS: return "waits";
    case EXPECT_DROPS: return "drops";
    case EXPECT_COUNTS: return "counts";
    case EXPECT_HOLDS: return "holds";
    case EXPECT_REFUSES: return "refuses";
    }
    return "?";
}

const char *option_name(int option)
{
    switch ((enum la_option)option) {
    case LA_OPTION_NODELAY: return "nodelay";
    case LA_OPTION_KEEPALIVE: return "keepalive";
    case LA_OPTION_KEEPALIVE_IDLE_MS: return "keepalive-idle-ms";
    case LA_OPTION_KEEPALIVE_INTERVAL_MS: return "keepalive-interval-ms";
    case LA_OPTION_KEEPALIVE_PROBES: return "keepalive-probes";
    case LA_OPTION_USER_TIMEOUT_MS: return "user-timeout-ms";
    case LA_OPTION_SEND_BUFFER_BYTES: return "send-buffer-bytes";
    case LA_OPTION_RECEIVE_BUFFER_BYTES: return "receive-buffer-bytes";
    case LA_OPTION_PUSH: return "push";
    case LA_OPTION_TTL: return "ttl";
    case LA_OPTION_DSCP: return "dscp";
    case LA_OPTION_R1_RETRANSMISSIONS: return "r1-retransmissions";
    case LA_OPTION_R2_MS: return "r2-ms";
    case LA_OPTION_MSL_MS: return "msl-ms";
    case LA_OPTION_ERROR_REPORTS: return "error-reports";
    case LA_OPTION_MAX_SEGMENT_BYTES: return "max-segment-bytes";
    case LA_OPTION_QUICK_ACK: return "quick-ack";
    case LA_OPTION_IPV6_ONLY: return "ipv6-only";
    }
    return "?";
}

const char *kind_name(int kind)
{
    switch ((enum packet_kind)kind) {
    case PACKET_ANY: return "packet";
    case PACKET_SYN: return "syn";
    case PACKET_SYN_ACK: return "syn-ack";
    case PACKET_ACK: return "ack";
    case PACKET_DATA: return "data";
    case PACKET_FIN: return "fin";
    case PACKET_RST: return "rst";
    case PACKET_LAST_ACK: return "last-ack";
    }
    return "?";
}

const char *state_name(int state)
{
    return la_state_name((enum la_state)state);
}

const char *end_name(int end)
{
    return la_end_name((enum la_end)end);
}

const char *error_name(int number)
{
    return la_error_name((enum la_error) - number);
}

const char *wait_name(int event)
{
    return la_wait_event_name((enum la_wait_event)event);
}

const char *drop_name(int drop)
{
    return la_drop_name((enum la_drop)drop);
}

const char *counter_name(int counter)
{
    return la_counter_name((enum la_counter)counter);
}

const char *holding_name(int which)
{
    return which == 0 ? "connections" : "waits";
}

const char *action_name(int action)
{
    switch ((enum impair_action)action) {
    case IMPAIR_DROP: return "lose";
    case IMPAIR_DUPLICATE: return "duplicate";
    case IMPAIR_CORRUPT: return "corrupt";
    case IMPAIR_HOLD: return "delay";
    }
    return "?";
}
