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
#include <unistd.h>

/* The next copy is not made before so many times what the last one took: it takes no more than 2 % of the time. */
enum { REST = 50 };

uint64_t kept_wall(void)
{
    return clock_now() + clock_epoch_offset();
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

void *kept_file(const char *path, size_t *length, struct link_error *error)
{
    struct stat status;
    error->text[0] = 0;
    FILE *file = fopen(path, "rb");
    if (!file) {
        if (errno != ENOENT)
            link_fail(error, "%s: %s", path, strerror(errno));
        return NULL;
    }
    bool regular = fstat(fileno(file), &status) == 0 && S_ISREG(status.st_mode);
    *length = regular ? (size_t)status.st_size : 0;
    void *data = malloc(*length + 1);
    bool ok = regular && data && fread(data, 1, *length, file) == *length;
    fclose(file);
    if (ok)
        return data;
    free(data);
    link_fail(error, "%s: it cannot be read%s", path, regular ? "" : ": it is no file");
    return NULL;
}

/* A file beside it that stays: the table itself is another file each time it is written. The descriptor, which goes
   with the process. */
static int lock(const char *path, struct link_error *error)
{
    char *beside = NULL;
    if (asprintf(&beside, "%s.lock", path) < 0)
        return link_fail(error, "%s: no memory", path);
    int fd = open(beside, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (fd < 0) {
        link_fail(error, "%s: %s", beside, strerror(errno));
    } else if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        link_fail(error, "%s: another program has it", path);
        close(fd);
        fd = -1;
    }
    free(beside);
    return fd;
}

int kept_read(struct kept *kept, const char *path, struct la_config *config, struct link_error *error)
{
    *kept = (struct kept){.path = path};
    kept->lock = lock(path, error);
    if (kept->lock < 0)
        return -1;
    kept->data = kept_file(path, &kept->length, error);
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

int kept_take_over(struct kept *kept, la_host *host, la_time now, struct link_error *error)
{
    const char *wrong = kept->data ? la_time_wait_load(host, now, kept_wall(), kept->data, kept->length) : NULL;
    free(kept->data);
    kept->data = NULL;
    kept->changes = changes_of(host);
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
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
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
    kept->changes = changes_of(host);
    size_t length = la_time_wait_save(host, now, kept_wall(), data, size);
    bool ok = replace(kept->path, data, length, durable);
    int reason = errno;
    free(data);
    la_time ended = clock_now();
    kept->not_until = ended + REST * (ended - began);
    return ok ? 0 : link_fail(error, "%s: %s", kept->path, strerror(reason));
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
