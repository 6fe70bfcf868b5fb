#include "waits.h"

#include "text.h"

#include <jansson.h>

enum { ACKS_MOST = 7 };

const char *wait_reason(const struct la_wait *wait)
{
    switch ((enum la_wait_class)wait->kind) {
    case LA_CLASS_WAITING: return wait->way == LA_WAY_CLOSING ? "both closed at once" : "we closed first";
    case LA_CLASS_ABORTED: return "we reset it";
    case LA_CLASS_REMEMBERED: return "the peer closed first";
    }
    return "?";
}

static double seconds(la_time later, la_time earlier)
{
    return later > earlier ? (double)(later - earlier) / 1e9 : 0;
}

bool waits_head(FILE *file)
{
    return fprintf(file, "%-10s  %-22s  %-22s  %8s  %8s  %4s  %8s  %s\n", "class", "local", "remote", "since", "left",
                   "acks", "restarts", "why") > 0;
}

bool waits_line(FILE *file, const struct la_wait *wait, la_time now)
{
    char local[ENDPOINT_TEXT_BYTES], remote[ENDPOINT_TEXT_BYTES], since[24] = "?";
    if (wait->since)
        snprintf(since, sizeof since, "%.1fs", seconds(now, wait->since));
    return fprintf(file, "%-10s  %-22s  %-22s  %8s  %7.1fs  %3u%s  %8u  %s%s\n",
                   la_wait_class_name((enum la_wait_class)wait->kind), endpoint_text(&wait->local, local),
                   endpoint_text(&wait->remote, remote), since, seconds(wait->until, now), wait->answers,
                   wait->answers >= ACKS_MOST ? "+" : " ", wait->restarts, wait_reason(wait),
                   wait->shadowed ? "; a new connection is being opened" : "") > 0;
}

static json_t *milliseconds(la_time later, la_time earlier)
{
    return json_integer(later > earlier ? (json_int_t)((later - earlier) / LA_MILLISECOND) : 0);
}

bool waits_json(FILE *file, const struct la_wait *wait, la_time now)
{
    char local[ENDPOINT_TEXT_BYTES], remote[ENDPOINT_TEXT_BYTES];
    bool waits = wait->kind == LA_CLASS_WAITING;
    json_t *object = json_pack(
        "{s:s, s:o, s:s, s:s, s:s, s:o, s:o, s:I, s:I, s:o, s:o, s:I, s:i, s:i, s:i, s:b}", "class",
        la_wait_class_name((enum la_wait_class)wait->kind), "way",
        waits ? json_string(la_wait_way_name((enum la_wait_way)wait->way)) : json_null(), "reason", wait_reason(wait),
        "local", endpoint_text(&wait->local, local), "remote", endpoint_text(&wait->remote, remote), "since_ms",
        wait->since ? milliseconds(now, wait->since) : json_null(), "left_ms", milliseconds(wait->until, now),
        "snd_nxt", (json_int_t)wait->snd_nxt, "rcv_nxt", (json_int_t)wait->rcv_nxt, "ts_recent",
        wait->timestamps ? json_integer(wait->ts_recent) : json_null(), "last_tsval",
        wait->timestamps ? json_integer(wait->last_tsval) : json_null(), "window_bytes", (json_int_t)wait->window_bytes,
        "interface", wait->interface, "acks", wait->answers, "restarts", wait->restarts, "shadowed", wait->shadowed);
    bool written =
        object && json_dumpf(object, file, JSON_COMPACT | JSON_PRESERVE_ORDER) == 0 && fputc('\n', file) != EOF;
    json_decref(object);
    return written;
}
