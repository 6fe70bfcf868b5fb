#include "kept.h"

#include "link/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The next copy is not made before so many times what the last one took: it takes no more than 2 % of the time. */
enum { REST = 50 };

/* No sum of counters: the first copy is made after a second, whatever happens, so that the next process has the key. */
#define NEVER_WRITTEN UINT64_MAX

uint64_t kept_wall(void)
{
    return clock_now() + clock_epoch_offset();
}

/* ---- time that goes on while no process does --------------------------------------------------------------------- */

enum { BOOT_ID_BYTES = 37, STAMP_BYTES = 128 };

/* Which boot this is, and how long ago it was. */
static bool boot_now(char id[BOOT_ID_BYTES], uint64_t *ns)
{
    struct timespec time;
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    bool ok = file && fgets(id, BOOT_ID_BYTES, file) && clock_gettime(CLOCK_BOOTTIME, &time) == 0;
    if (file)
        fclose(file);
    if (ok)
        *ns = (uint64_t)time.tv_sec * LA_SECOND + (uint64_t)time.tv_nsec;
    return ok;
}

/* Of the table that was written at this time of the wall clock: in the file that is locked. */
static void stamp(int lock, uint64_t wall)
{
    char id[BOOT_ID_BYTES], text[STAMP_BYTES];
    uint64_t boot;
    if (!boot_now(id, &boot))
        return;
    int length = snprintf(text, sizeof text, "%s %llu %llu\n", id, (unsigned long long)wall, (unsigned long long)boot);
    if (pwrite(lock, text, (size_t)length, 0) != length || ftruncate(lock, length) < 0)
        (void)ftruncate(lock, 0); /* half a stamp is none */
}

/* Within one boot the time since is known, whatever was done to the wall clock meanwhile; after it, the wall clock is
   all there is. */
static uint64_t wall_since(int lock, uint64_t saved_wall)
{
    char id[BOOT_ID_BYTES], text[STAMP_BYTES] = "";
    uint64_t now;
    if (lock < 0 || pread(lock, text, sizeof text - 1, 0) < BOOT_ID_BYTES || !boot_now(id, &now))
        return kept_wall();
    char *end = text + BOOT_ID_BYTES - 1; /* strtoull finds 0 in what is no number, which is no time of ours */
    bool same = strncmp(text, id, BOOT_ID_BYTES - 1) == 0 && *end == ' ' && strtoull(end, &end, 10) == saved_wall;
    uint64_t boot = same && *end == ' ' ? strtoull(end, &end, 10) : 0;
    return boot > 0 && boot <= now && *end == '\n' ? saved_wall + (now - boot) : kept_wall();
}

static char *path_of_lock(const char *path)
{
    char *beside = NULL;
    return asprintf(&beside, "%s.lock", path) < 0 ? NULL : beside;
}

uint64_t kept_wall_of(const char *path, const struct la_time_wait_saved *saved)
{
    char *beside = path_of_lock(path);
    int fd = beside ? open(beside, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
    uint64_t wall = wall_since(fd, saved->wall);
    if (fd >= 0)
        close(fd);
    free(beside);
    return wall;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static void *read_whole(int fd, size_t length)
{
    char *data = malloc(length + 1);
    size_t taken = 0;
    ssize_t got = 1;
    while (data && taken < length && got > 0) {
        got = read(fd, data + taken, length - taken);
        taken += got > 0 ? (size_t)got : 0;
    }
    if (data && taken == length)
        return data;
    free(data);
    return NULL;
}

/* What is wrong with a file that is to be read; only_ours: nobody else may have written it, or know what is in it. */
static const char *not_to_be_read(const struct stat *status, bool only_ours)
{
    if (!S_ISREG(status->st_mode))
        return "it is no file";
    if (only_ours && status->st_uid != geteuid())
        return "it is another user's";
    if (only_ours && (status->st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return "others may read or write it, and the key: chmod 600";
    return NULL;
}

void *kept_file(const char *path, bool only_ours, size_t *length, struct link_error *error)
{
    struct stat status;
    void *data = NULL;
    error->text[0] = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        if (errno != ENOENT)
            link_fail(error, "%s: %s", path, strerror(errno));
        return NULL;
    }
    const char *wrong = fstat(fd, &status) < 0 ? strerror(errno) : not_to_be_read(&status, only_ours);
    if (!wrong) {
        *length = (size_t)status.st_size;
        data = read_whole(fd, *length);
        wrong = data ? NULL : "it cannot be read";
    }
    close(fd);
    if (wrong)
        link_fail(error, "%s: %s", path, wrong);
    return data;
}

/* A file beside it that stays: the table itself is another file each time it is written. The descriptor, which goes
   with the process. */
static int lock(const char *path, struct link_error *error)
{
    char *beside = path_of_lock(path);
    if (!beside)
        return link_fail(error, "%s: no memory", path);
    struct stat status;
    int fd = open(beside, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    const char *wrong = fd < 0 || fstat(fd, &status) < 0 ? strerror(errno) : not_to_be_read(&status, true);
    if (wrong)
        link_fail(error, "%s: %s", beside, wrong);
    bool is_ours = !wrong && flock(fd, LOCK_EX | LOCK_NB) == 0;
    if (!wrong && !is_ours)
        link_fail(error, "%s: another program has it", path);
    if (fd >= 0 && !is_ours)
        close(fd);
    free(beside);
    return is_ours ? fd : -1;
}

int kept_read(struct kept *kept, const char *path, struct la_config *config, struct link_error *error)
{
    *kept = (struct kept){.path = path, .changes = NEVER_WRITTEN};
    kept->lock = lock(path, error);
    if (kept->lock < 0)
        return -1;
    kept->data = kept_file(path, true, &kept->length, error);
    if (!kept->data)
        return error->text[0] ? -1 : 0;
    const char *wrong = la_time_wait_saved(kept->data, kept->length, &kept->saved);
    if (wrong)
        return link_fail(error, "%s: %s; remove it, and begin with --quiet-time instead", path, wrong);
    memcpy(config->key, kept->saved.key, sizeof config->key);
    if (config->time_wait_ipv4 < kept->saved.ipv4)
        config->time_wait_ipv4 = kept->saved.ipv4;
    if (config->time_wait_ipv6 < kept->saved.ipv6)
        config->time_wait_ipv6 = kept->saved.ipv6;
    return 0;
}

static uint64_t changes_of(const la_host *host)
{
    static const enum la_counter changing[] = {LA_COUNT_WAIT_ENTERED, LA_COUNT_WAIT_KEPT, LA_COUNT_WAIT_RESTARTED,
                                               LA_COUNT_WAIT_REOPENED, LA_COUNT_WAIT_REUSED};
    struct la_counters counters;
    uint64_t sum = 0;
    la_host_counters(host, &counters);
    for (size_t i = 0; i < sizeof changing / sizeof changing[0]; i++)
        sum += counters.counter[changing[i]];
    return sum;
}

static const char *load(const struct kept *kept, la_host *host, la_time now)
{
    return la_time_wait_load(host, now, wall_since(kept->lock, kept->saved.wall), kept->data, kept->length);
}

int kept_take_over(struct kept *kept, la_host *host, la_time now, struct link_error *error)
{
    const char *wrong = kept->data ? load(kept, host, now) : NULL;
    free(kept->data);
    kept->data = NULL;
    return wrong ? link_fail(error, "%s: %s", kept->path, wrong) : 0;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static bool write_all(int fd, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, data, length);
        if (written < 0 && errno != EINTR)
            return false;
        data += written > 0 ? written : 0;
        length -= written > 0 ? (size_t)written : 0;
    }
    return true;
}

/* The name is on the disk, too. */
static bool sync_folder(const char *path)
{
    char *copy = strdup(path);
    int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    free(copy);
    return ok;
}

/* Beside the file, and then in its place: who reads sees the one or the other, whole. */
static bool replace(const char *path, const void *data, size_t length, bool durable)
{
    char *beside = NULL;
    if (asprintf(&beside, "%s.new", path) < 0)
        return false;
    (void)unlink(beside); /* whoever's it was: the key goes into a file of ours */
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    bool ok = fd >= 0 && write_all(fd, data, length) && (!durable || fsync(fd) == 0);
    if (fd >= 0 && close(fd) < 0)
        ok = false;
    ok = ok && rename(beside, path) == 0;
    int reason = errno;
    if (!ok && fd >= 0)
        unlink(beside);
    free(beside);
    errno = reason;
    return ok && (!durable || sync_folder(path));
}

static int write_now(struct kept *kept, la_host *host, la_time now, bool durable, struct link_error *error)
{
    la_time began = clock_now();
    size_t size = la_time_wait_save_size(host);
    void *data = malloc(size);
    if (!data)
        return link_fail(error, "%s: no memory for the records", kept->path);
    uint64_t changes = changes_of(host), wall = kept_wall();
    size_t length = la_time_wait_save(host, now, wall, data, size);
    bool ok = replace(kept->path, data, length, durable);
    int reason = errno;
    free(data);
    la_time ended = clock_now();
    kept->not_until = ended + REST * (ended - began);
    if (!ok)
        return link_fail(error, "%s: %s", kept->path, strerror(reason));
    kept->changes = changes;
    stamp(kept->lock, wall);
    return 0;
}

int kept_refresh(struct kept *kept, la_host *host, la_time now, struct link_error *error)
{
    if (changes_of(host) == kept->changes || clock_now() < kept->not_until)
        return 0;
    return write_now(kept, host, now, false, error);
}

int kept_write(struct kept *kept, la_host *host, la_time now, struct link_error *error)
{
    return write_now(kept, host, now, true, error);
}
