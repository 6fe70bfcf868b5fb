#ifndef BASE_SEQ_H
#define BASE_SEQ_H

#include <stdbool.h>
#include <stdint.h>

/* A sequence number of RFC 9293 3.4: a point on a circle of 2^32. The struct keeps < and - from compiling. */
struct seq {
    uint32_t v;
};

static inline struct seq seq_of(uint32_t v)
{
    return (struct seq){v};
}

static inline struct seq seq_add(struct seq s, uint32_t octets)
{
    return (struct seq){s.v + octets};
}

/* How far `to` lies ahead of `from`: meaningful when it does not lie behind. */
static inline uint32_t seq_distance(struct seq from, struct seq to)
{
    return to.v - from.v;
}

static inline bool seq_equal(struct seq a, struct seq b)
{
    return a.v == b.v;
}

static inline bool seq_before(struct seq a, struct seq b)
{
    return (int32_t)(a.v - b.v) < 0;
}

static inline bool seq_before_or_equal(struct seq a, struct seq b)
{
    return (int32_t)(a.v - b.v) <= 0;
}

static inline bool seq_after(struct seq a, struct seq b)
{
    return seq_before(b, a);
}

static inline bool seq_after_or_equal(struct seq a, struct seq b)
{
    return seq_before_or_equal(b, a);
}

/* start <= s < start + octets */
static inline bool seq_in(struct seq s, struct seq start, uint32_t octets)
{
    return s.v - start.v < octets;
}

static inline struct seq seq_max(struct seq a, struct seq b)
{
    return seq_before(a, b) ? b : a;
}

#endif
