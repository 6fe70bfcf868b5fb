#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Drives a fuzz target without libFuzzer: first over each file of a corpus, then over pseudo-random inputs, so that what a
   fuzzer once found stays found, with any compiler.

     fuzz_NAME CORPUS_FOLDER [INPUTS [SEED]]
     fuzz_NAME FILE */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_BYTES = 4096, INPUTS = 20000 };

static uint64_t random_next(uint64_t *state) /* SplitMix64 */
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* The target sees exactly size octets on the heap, so that a sanitizer notices the first octet too far. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size > 0 ? size : 1);
    if (exact == NULL)
        abort();
    memcpy(exact, data, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

struct bytes {
    uint8_t *data;
    size_t size;
};

/* False: not a file that can be read. */
static bool run_file(const char *path, struct bytes *kept)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    struct stat status;
    size_t size = fstat(fileno(file), &status) == 0 && S_ISREG(status.st_mode) ? (size_t)status.st_size : SIZE_MAX;
    uint8_t *data = size < SIZE_MAX ? malloc(size + 1) : NULL;
    bool good = data != NULL && fread(data, 1, size, file) == size;
    fclose(file);
    if (!good) {
        free(data);
        return false;
    }
    run(data, size);
    *kept = (struct bytes){data, size};
    return true;
}

struct corpus {
    struct bytes *inputs;
    size_t count;
};

static bool run_corpus(const char *folder, struct corpus *corpus)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort);
    if (count < 0)
        return false;
    corpus->inputs = calloc((size_t)count + 1, sizeof *corpus->inputs);
    bool good = corpus->inputs != NULL;
    for (int i = 0; i < count; i++) {
        if (good && entries[i]->d_name[0] != '.') {
            char path[4096];
            snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
            good = run_file(path, &corpus->inputs[corpus->count]);
            if (good)
                corpus->count++;
            else
                fprintf(stderr, "%s cannot be read\n", path);
        }
        free(entries[i]);
    }
    free(entries);
    return good;
}

/* Every other input is all random; the rest are inputs of the corpus with a few octets changed, or cut short. */
static void run_random(const struct corpus *corpus, uint64_t inputs, uint64_t seed)
{
    static uint8_t data[INPUT_BYTES];
    for (uint64_t i = 0; i < inputs; i++) {
        uint64_t state = seed + i;
        size_t size = random_next(&state) % ((random_next(&state) & 7) == 0 ? sizeof data : 128);
        if (i % 2 == 0 || corpus->count == 0) {
            for (size_t at = 0; at < size; at++)
                data[at] = (uint8_t)random_next(&state);
        } else {
            const struct bytes *base = &corpus->inputs[random_next(&state) % corpus->count];
            size = base->size < sizeof data ? base->size : sizeof data;
            memcpy(data, base->data, size);
            for (uint64_t changes = random_next(&state) % 8; size > 0 && changes > 0; changes--)
                data[random_next(&state) % size] ^= (uint8_t)random_next(&state);
            if (random_next(&state) % 4 == 0)
                size = random_next(&state) % (size + 1);
        }
        run(data, size);
    }
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: %s CORPUS_FOLDER [INPUTS [SEED]]\n       %s FILE\n", argv[0], argv[0]);
        return 2;
    }
    struct corpus corpus = {0};
    uint64_t inputs = argc > 2 ? strtoull(argv[2], NULL, 0) : INPUTS;
    uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;
    if (!run_corpus(argv[1], &corpus)) {
        struct bytes only = {0};
        bool good = run_file(argv[1], &only);
        free(only.data);
        if (!good)
            fprintf(stderr, "%s is neither a file nor a folder of files\n", argv[1]);
        return good ? 0 : 1;
    }
    printf("%zu inputs of the corpus, then %" PRIu64 " random ones from seed %" PRIu64 "\n", corpus.count, inputs,
           seed);
    fflush(stdout);
    run_random(&corpus, inputs, seed);
    for (size_t i = 0; i < corpus.count; i++)
        free(corpus.inputs[i].data);
    free(corpus.inputs);
    return 0;
}
