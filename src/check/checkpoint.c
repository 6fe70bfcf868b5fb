#include <stdlib.h>
#include <string.h>

#include "explore_private.h"

#define SETTINGS_BYTES 1024

struct header {
    char magic[16];
    char settings[SETTINGS_BYTES]; /* scenario_write's, so that it is not gone on with another run */
    uint32_t world_bytes;          /* of the build: another one may lay worlds out differently */
    uint32_t count;
    uint32_t next;
    uint32_t level_end;
    uint32_t depth;
    uint64_t steps;
    uint64_t transitions;
    uint64_t overflows;
    uint64_t packed_bytes;
    double seconds;
    struct coverage coverage;
};

static const char magic[16] = "lastack check 1";

static bool write_settings(const struct scenario *scenario, char settings[SETTINGS_BYTES])
{
    memset(settings, 0, SETTINGS_BYTES);
    FILE *file = fmemopen(settings, SETTINGS_BYTES - 1, "w");
    if (file == NULL) {
        return false;
    }
    check_scenario_write(scenario, file);
    return fclose(file) == 0;
}

static bool put(FILE *file, const void *from, size_t bytes)
{
    return bytes == 0 || fwrite(from, bytes, 1, file) == 1;
}

static bool get(FILE *file, void *to, size_t bytes)
{
    return bytes == 0 || fread(to, bytes, 1, file) == 1;
}

/* ---- out ---- */

static bool write_frontier(const struct explorer *explorer, FILE *file)
{
    for (const struct chunk *chunk = explorer->frontier.first; chunk != NULL; chunk = chunk->next) {
        uint32_t bytes = chunk->used - chunk->taken;
        if (!put(file, &bytes, sizeof bytes) || !put(file, chunk->octets + chunk->taken, bytes)) {
            return false;
        }
    }
    const uint32_t end = UINT32_MAX;
    return put(file, &end, sizeof end);
}

static bool write_all(const struct explorer *explorer, FILE *file)
{
    static struct header header; /* with the coverage, large for a stack */
    const struct verdict *verdict = explorer->verdict;
    header = (struct header){.world_bytes = (uint32_t)sizeof(struct world),
                             .count = explorer->store.count,
                             .next = explorer->next,
                             .level_end = explorer->level_end,
                             .depth = verdict->depth,
                             .steps = explorer->circles.count,
                             .transitions = verdict->transitions,
                             .overflows = explorer->checker.overflows,
                             .packed_bytes = verdict->packed_bytes,
                             .seconds = verdict->seconds,
                             .coverage = verdict->coverage};
    memcpy(header.magic, magic, sizeof magic);
    return write_settings(explorer->checker.scenario, header.settings) && put(file, &header, sizeof header) &&
           put(file, explorer->store.digests, header.count * sizeof *explorer->store.digests) &&
           put(file, explorer->store.origins, header.count * sizeof *explorer->store.origins) &&
           put(file, explorer->circles.steps, header.steps * sizeof *explorer->circles.steps) &&
           write_frontier(explorer, file);
}

bool checkpoint_write(const struct explorer *explorer, const char *path)
{
    char *beside = NULL;
    if (asprintf(&beside, "%s.new", path) < 0) {
        return false;
    }
    FILE *file = fopen(beside, "wb");
    bool is_written = file != NULL && write_all(explorer, file);
    is_written = (file == NULL || fclose(file) == 0) && is_written;
    is_written = is_written && rename(beside, path) == 0;
    free(beside);
    return is_written;
}

/* ---- in ---- */

static bool read_store(struct explorer *explorer, const struct header *header, FILE *file)
{
    struct digest *digests = malloc(header->count * sizeof *digests);
    struct origin *origins = malloc(header->count * sizeof *origins);
    bool is_read = digests != NULL && origins != NULL && get(file, digests, header->count * sizeof *digests) &&
                   get(file, origins, header->count * sizeof *origins);
    for (uint32_t number = 0; is_read && number < header->count; number++) {
        bool is_new = false;
        is_read = store_add(&explorer->store, &digests[number], origins[number], &is_new) == number && is_new;
    }
    free(digests);
    free(origins);
    return is_read;
}

static bool read_circles(struct explorer *explorer, const struct header *header, FILE *file)
{
    for (uint64_t i = 0; i < header->steps; i++) {
        struct step_between step;
        if (!get(file, &step, sizeof step) || !circles_add(&explorer->circles, step.from, step.to)) {
            return false;
        }
    }
    return true;
}

static bool read_frontier(struct explorer *explorer, FILE *file)
{
    static _Alignas(8) uint8_t octets[CHUNK_BYTES];
    uint32_t bytes;
    while (get(file, &bytes, sizeof bytes) && bytes != UINT32_MAX) {
        if (bytes > CHUNK_BYTES || !get(file, octets, bytes)) {
            return false;
        }
        for (uint32_t at = 0; at < bytes;) {
            const struct packed *packed = (const void *)(octets + at);
            struct packed *room = frontier_room(&explorer->frontier);
            if (room == NULL || packed->bytes < sizeof *packed || packed->bytes > bytes - at) {
                return false;
            }
            memcpy(room, packed, packed->bytes);
            frontier_push(&explorer->frontier, room);
            at += (packed->bytes + 7U) & ~7U;
        }
    }
    return bytes == UINT32_MAX;
}

const char *checkpoint_read(struct explorer *explorer, const char *path)
{
    static struct header header;
    char settings[SETTINGS_BYTES];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return "it cannot be opened";
    }
    const char *wrong = NULL;
    if (!get(file, &header, sizeof header) || memcmp(header.magic, magic, sizeof magic) != 0) {
        wrong = "it is no checkpoint";
    } else if (header.world_bytes != sizeof(struct world)) {
        wrong = "another build wrote it";
    } else if (!write_settings(explorer->checker.scenario, settings) ||
               memcmp(settings, header.settings, sizeof settings) != 0) {
        wrong = "it is another run's";
    } else if (!read_store(explorer, &header, file) || !read_circles(explorer, &header, file) ||
               !read_frontier(explorer, file)) {
        wrong = "it is damaged, or too large for the memory";
    }
    fclose(file);
    explorer->next = header.next;
    explorer->level_end = header.level_end;
    explorer->earlier = header.seconds;
    explorer->checker.overflows = header.overflows;
    explorer->verdict->depth = header.depth;
    explorer->verdict->transitions = header.transitions;
    explorer->verdict->packed_bytes = header.packed_bytes;
    explorer->verdict->coverage = header.coverage;
    return wrong;
}
