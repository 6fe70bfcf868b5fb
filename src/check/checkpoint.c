#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "explore_private.h"

#define SETTINGS_BYTES 1024

/* A file of parts, each with a digest of it and of all before it behind it: what is damaged is not gone on from. */
struct sealed {
    FILE *file;
    struct digest digest;
};

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

static const char magic[16] = "lastack check 2";

static bool write_settings(const struct check_scenario *scenario, char settings[SETTINGS_BYTES])
{
    memset(settings, 0, SETTINGS_BYTES);
    FILE *file = fmemopen(settings, SETTINGS_BYTES - 1, "w");
    if (file == NULL) {
        return false;
    }
    check_scenario_write(scenario, file);
    return fclose(file) == 0;
}

static void seal(struct sealed *sealed, const void *octets, size_t bytes)
{
    const struct digest both[2] = {sealed->digest, digest_octets(bytes > 0 ? octets : "", bytes)};
    sealed->digest = digest_octets(both, sizeof both);
}

static bool put(struct sealed *sealed, const void *from, size_t bytes)
{
    seal(sealed, from, bytes);
    return (bytes == 0 || fwrite(from, bytes, 1, sealed->file) == 1) &&
           fwrite(&sealed->digest, sizeof sealed->digest, 1, sealed->file) == 1;
}

static bool get(struct sealed *sealed, void *to, size_t bytes)
{
    struct digest digest;
    if ((bytes > 0 && fread(to, bytes, 1, sealed->file) != 1) || fread(&digest, sizeof digest, 1, sealed->file) != 1) {
        return false;
    }
    seal(sealed, to, bytes);
    return memcmp(&digest, &sealed->digest, sizeof digest) == 0;
}

/* ---- out ---- */

static bool write_frontier(const struct explorer *explorer, struct sealed *file)
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

static bool write_all(const struct explorer *explorer, struct sealed *file)
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
    struct sealed sealed = {.file = fopen(beside, "wb")};
    bool is_written = sealed.file != NULL && write_all(explorer, &sealed) && fflush(sealed.file) == 0 &&
                      fsync(fileno(sealed.file)) == 0;
    is_written = (sealed.file == NULL || fclose(sealed.file) == 0) && is_written;
    is_written = is_written && rename(beside, path) == 0;
    if (!is_written) {
        unlink(beside);
    }
    free(beside);
    return is_written;
}

/* ---- in ---- */

static bool read_store(struct explorer *explorer, const struct header *header, struct sealed *file)
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

static bool read_circles(struct explorer *explorer, const struct header *header, struct sealed *file)
{
    struct circles *circles = &explorer->circles;
    circles->steps = malloc((header->steps + 1) * sizeof *circles->steps);
    circles->capacity = circles->steps != NULL ? header->steps + 1 : 0;
    circles->count = circles->steps != NULL ? header->steps : 0;
    return circles->steps != NULL && get(file, circles->steps, header->steps * sizeof *circles->steps);
}

static bool read_chunk(struct explorer *explorer, const uint8_t *octets, uint32_t bytes)
{
    for (uint32_t at = 0; at < bytes;) {
        const struct packed *packed = (const void *)(octets + at);
        struct packed *room = frontier_room(&explorer->frontier);
        if (room == NULL || packed->bytes < sizeof *packed || packed->bytes > PACKED_MAX ||
            packed->bytes > bytes - at) {
            return false;
        }
        memcpy(room, packed, packed->bytes);
        frontier_push(&explorer->frontier, room);
        at += (packed->bytes + 7U) & ~7U;
    }
    return true;
}

static bool read_frontier(struct explorer *explorer, struct sealed *file)
{
    static _Alignas(8) uint8_t octets[CHUNK_BYTES];
    uint32_t bytes;
    while (get(file, &bytes, sizeof bytes)) {
        if (bytes == UINT32_MAX) {
            return true;
        }
        if (bytes > CHUNK_BYTES || !get(file, octets, bytes) || !read_chunk(explorer, octets, bytes)) {
            return false;
        }
    }
    return false;
}

const char *checkpoint_read(struct explorer *explorer, const char *path)
{
    static struct header header;
    char settings[SETTINGS_BYTES];
    struct sealed sealed = {.file = fopen(path, "rb")};
    if (sealed.file == NULL) {
        return strerror(errno);
    }
    const char *wrong = NULL;
    if (!get(&sealed, &header, sizeof header) || memcmp(header.magic, magic, sizeof magic) != 0) {
        wrong = "it is no checkpoint, or damaged";
    } else if (header.world_bytes != sizeof(struct world)) {
        wrong = "another build wrote it";
    } else if (!write_settings(explorer->checker.scenario, settings) ||
               memcmp(settings, header.settings, sizeof settings) != 0) {
        wrong = "it is another run's";
    } else if (!read_store(explorer, &header, &sealed) || !read_circles(explorer, &header, &sealed) ||
               !read_frontier(explorer, &sealed)) {
        wrong = "it is damaged, or too large for the memory";
    }
    fclose(sealed.file);
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
