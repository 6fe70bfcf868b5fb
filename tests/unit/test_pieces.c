#include "support.h"

#include "base/checksum.h"
#include "base/pieces.h"

enum { PIECES = 24, PIECE_BYTES = 16, STREAMS = 3, MODEL_BYTES = PIECES * PIECE_BYTES };

struct pool {
    struct pieces pieces;
    uint32_t links[PIECES];
    uint8_t octets[PIECES * PIECE_BYTES];
    struct pieces_memory memory;
};

static void make(struct pool *pool, uint32_t count)
{
    memset(pool, 0, sizeof *pool);
    pool->pieces.total = count;
    pool->pieces.piece_bytes = PIECE_BYTES;
    pool->memory = (struct pieces_memory){&pool->pieces, pool->links, pool->octets};
    pieces_init(&pool->memory);
}

/* Nobody may hold more than are free. */
static void the_rule_of_the_pool(void **state)
{
    (void)state;
    for (uint32_t count = 0; count <= PIECES; count++) {
        static struct pool pool;
        make(&pool, count);
        uint32_t held = 0;
        uint64_t room = pieces_room(&pool.pieces, 0);
        uint32_t taken[PIECES];
        for (uint32_t piece = 0; (piece = pieces_take(&pool.memory, held)) != PIECE_NONE;) {
            taken[held++] = piece;
            assert_true(held <= pool.pieces.free_count + 1);
        }
        assert_int_equal((uint64_t)held * PIECE_BYTES, room);
        assert_int_equal(pieces_room(&pool.pieces, held), 0);
        assert_int_equal(held, (count + 1) / 2);
        for (uint32_t i = 0; i < held; i++) {
            pieces_give(&pool.memory, taken[i]);
        }
        assert_int_equal(pool.pieces.free_count, count);
        assert_int_equal(pool.pieces.given_back, held);
    }
}

struct model {
    uint8_t octets[MODEL_BYTES];
    uint32_t length;
};

static void compare(const struct pool *pool, const struct stream *stream, struct stream_cursor *cursor,
                    const struct model *model, uint64_t *random)
{
    uint8_t copy[MODEL_BYTES];
    assert_int_equal(stream->length, model->length);
    assert_true(stream_capacity(&pool->pieces, stream) >= stream->length);
    if (model->length == 0) {
        return;
    }
    uint32_t from = (uint32_t)(random_u64(random) % model->length);
    uint32_t length = (uint32_t)(random_u64(random) % (model->length - from + 1));
    uint64_t sum = stream_get(&pool->memory, stream, cursor, from, copy, length, 0);
    assert_memory_equal(copy, model->octets + from, length);
    assert_int_equal(checksum_finish(sum), naive_checksum(model->octets + from, length));
}

static void write_some(struct pool *pool, struct stream *stream, struct model *model, uint64_t *random)
{
    uint32_t wanted = (uint32_t)(random_u64(random) % 60);
    uint32_t capacity = stream_cover(&pool->memory, stream, stream->length + wanted, 0);
    uint32_t room = capacity - stream->length;
    uint32_t length = wanted < room ? wanted : room;
    random_bytes(random, model->octets + model->length, length);
    stream_put(&pool->memory, stream, stream->length, model->octets + model->length, length);
    stream->length += length;
    model->length += length;
}

static void drop_some(struct pool *pool, struct stream *stream, struct stream_cursor *cursor, struct model *model,
                      uint64_t *random)
{
    uint32_t octets = (uint32_t)(random_u64(random) % (model->length + 1));
    stream_drop(&pool->memory, stream, cursor, octets, random_u64(random) % 2 == 0);
    model->length -= octets;
    memmove(model->octets, model->octets + octets, model->length);
}

/* Streams that share a pool, each against plain octets, read through cursors. */
static void streams_against_the_model(void **state)
{
    (void)state;
    static struct pool pool;
    static struct model models[STREAMS];
    for (uint64_t seed = 1; seed <= 30; seed++) {
        uint64_t random = seed;
        struct stream streams[STREAMS];
        struct stream_cursor cursors[STREAMS];
        make(&pool, PIECES);
        memset(models, 0, sizeof models);
        for (unsigned i = 0; i < STREAMS; i++) {
            stream_init(&streams[i]);
            cursors[i].piece = PIECE_NONE;
        }
        for (unsigned step = 0; step < 2000; step++) {
            unsigned i = (unsigned)(random_u64(&random) % STREAMS);
            switch (random_u64(&random) % 8) {
            case 0:
            case 1:
            case 2: write_some(&pool, &streams[i], &models[i], &random); break;
            case 3:
            case 4: drop_some(&pool, &streams[i], &cursors[i], &models[i], &random); break;
            case 5:
                stream_trim(&pool.memory, &streams[i]);
                cursors[i].piece = PIECE_NONE;
                break;
            default: break;
            }
            compare(&pool, &streams[i], &cursors[i], &models[i], &random);
            uint32_t used = (uint32_t)streams[0].pieces + streams[1].pieces + streams[2].pieces;
            assert_int_equal(used + pool.pieces.free_count, PIECES);
        }
        for (unsigned i = 0; i < STREAMS; i++) {
            stream_clear(&pool.memory, &streams[i]);
        }
        assert_int_equal(pool.pieces.free_count, PIECES);
    }
}

/* Beyond length: what came out of order keeps its place. */
static void what_lies_beyond_length_stays(void **state)
{
    (void)state;
    static struct pool pool;
    struct stream stream;
    uint8_t *view = NULL;
    make(&pool, PIECES);
    stream_init(&stream);
    assert_true(stream_cover(&pool.memory, &stream, 40, 0) >= 40);
    stream_put(&pool.memory, &stream, 30, "0123456789", 10);
    stream_put(&pool.memory, &stream, 0, "abcdefghij", 10);
    stream.length = 10;
    stream_drop(&pool.memory, &stream, NULL, 10, true);
    assert_int_equal(stream.length, 0);
    assert_int_equal(stream.pieces, 3);
    assert_int_equal(stream_view(&pool.memory, &stream, NULL, 20, 100, &view), 2);
    assert_memory_equal(view, "01", 2);
    assert_int_equal(stream_view(&pool.memory, &stream, NULL, 22, 100, &view), PIECE_BYTES);
    assert_memory_equal(view, "23456789", 8);
    stream_trim(&pool.memory, &stream);
    assert_int_equal(pool.pieces.free_count, PIECES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rule_of_the_pool),
        cmocka_unit_test(streams_against_the_model),
        cmocka_unit_test(what_lies_beyond_length_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
