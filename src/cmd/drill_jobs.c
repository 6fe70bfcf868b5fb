#include "drill_jobs.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd.h"

enum { PROCESSES_MAX = 256, TEXTS = 5 };

/* What all processes see. */
struct shared {
    atomic_size_t next;                 /* the script that nobody has taken yet */
    atomic_size_t taken[PROCESSES_MAX]; /* by each process: 1 + the script it is at; 0: none */
};

struct process {
    pid_t pid;
    int fd; /* reports come by it; -1: there is none */
};

struct jobs {
    const struct drill_jobs *given;
    struct shared *shared;
    struct process process[PROCESSES_MAX];
    unsigned count;
    struct drill_report *reports; /* by script */
    bool *is_done;
    size_t shown;
};

/* ---- one script ---- */

/* "tests/drill/a.pkt" -> "FOLDER/tests_drill_a.pcapng". */
static FILE *open_capture(const char *folder, const char *path)
{
    char *name = NULL;
    size_t length = strlen(path);
    if (length > 4 && strcmp(path + length - 4, ".pkt") == 0)
        length -= 4;
    while (length > 0 && (*path == '/' || *path == '.')) {
        path++;
        length--;
    }
    if (asprintf(&name, "%s/%.*s.pcapng", folder, (int)length, path) < 0)
        return NULL;
    for (char *c = name + strlen(folder) + 1; *c != '\0'; c++)
        if (*c == '/')
            *c = '_';
    FILE *file = fopen(name, "wb");
    if (file == NULL)
        complain("drill", "%s: %s", name, strerror(errno));
    free(name);
    return file;
}

static void cannot_read(struct drill_report *report, const char *why)
{
    *report = (struct drill_report){.result = DRILL_ERROR};
    report->message = strdup(why);
}

static void run_script(const struct drill_jobs *jobs, const char *path, struct drill_report *report)
{
    size_t length = 0;
    char *text = drill_file_read(path, &length);
    struct drill_options options = *jobs->options;
    if (text == NULL) {
        cannot_read(report, strerror(errno));
        return;
    }
    if (jobs->pcap_folder != NULL)
        options.pcap = open_capture(jobs->pcap_folder, path);
    if (jobs->pcap_folder != NULL && options.pcap == NULL)
        cannot_read(report, "its capture cannot be written");
    else
        drill_run(text, length, &options, report);
    if (options.pcap != NULL && fclose(options.pcap) != 0 && report->result == DRILL_PASSED) {
        drill_report_free(report);
        cannot_read(report, "its capture could not be written");
    }
    free(text);
}

/* ---- reports between processes: the struct, then the texts with their lengths ---- */

static void texts_of(struct drill_report *report, char **texts[TEXTS])
{
    texts[0] = &report->message;
    texts[1] = &report->expected;
    texts[2] = &report->actual;
    texts[3] = &report->log;
    texts[4] = &report->ladder;
}

static bool put(int fd, const void *data, size_t length)
{
    const char *at = data;
    while (length > 0) {
        ssize_t written = write(fd, at, length);
        if (written < 0 && errno != EINTR)
            return false;
        at += written > 0 ? written : 0;
        length -= written > 0 ? (size_t)written : 0;
    }
    return true;
}

static bool get(int fd, void *data, size_t length)
{
    char *at = data;
    while (length > 0) {
        ssize_t taken = read(fd, at, length);
        if (taken == 0 || (taken < 0 && errno != EINTR))
            return false;
        at += taken > 0 ? taken : 0;
        length -= taken > 0 ? (size_t)taken : 0;
    }
    return true;
}

static bool put_report(int fd, size_t script, struct drill_report *report)
{
    char **texts[TEXTS];
    texts_of(report, texts);
    bool good = put(fd, &script, sizeof script) && put(fd, report, sizeof *report);
    for (unsigned i = 0; i < TEXTS && good; i++) {
        size_t length = *texts[i] != NULL ? strlen(*texts[i]) + 1 : 0;
        good = put(fd, &length, sizeof length) && put(fd, *texts[i], length);
    }
    return good;
}

static bool get_report(int fd, size_t *script, struct drill_report *report)
{
    char **texts[TEXTS];
    if (!get(fd, script, sizeof *script) || !get(fd, report, sizeof *report))
        return false;
    texts_of(report, texts);
    for (unsigned i = 0; i < TEXTS; i++)
        *texts[i] = NULL;
    for (unsigned i = 0; i < TEXTS; i++) {
        size_t length = 0;
        if (!get(fd, &length, sizeof length))
            return false;
        char *text = length > 0 ? malloc(length) : NULL;
        *texts[i] = text;
        if (length > 0 && (text == NULL || !get(fd, text, length)))
            return false;
        if (text != NULL)
            text[length - 1] = '\0';
    }
    return true;
}

/* ---- the processes ---- */

static _Noreturn void work(const struct jobs *jobs, unsigned self, int fd)
{
    const struct drill_files *files = jobs->given->files;
    for (;;) {
        size_t script = atomic_fetch_add(&jobs->shared->next, 1);
        if (script >= files->count)
            _exit(EXIT_OK);
        atomic_store(&jobs->shared->taken[self], script + 1);
        struct drill_report report;
        run_script(jobs->given, files->path[script], &report);
        if (!put_report(fd, script, &report))
            _exit(EXIT_FAILED);
        atomic_store(&jobs->shared->taken[self], 0);
        drill_report_free(&report);
    }
}

static int start(struct jobs *jobs, unsigned self)
{
    int ends[2];
    jobs->process[self].fd = -1;
    if (pipe(ends) != 0)
        return complain("drill", "a pipe cannot be made: %s", strerror(errno));
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        work(jobs, self, ends[1]);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return complain("drill", "a process cannot be made: %s", strerror(errno));
    }
    jobs->process[self] = (struct process){pid, ends[0]};
    return 0;
}

/* A process has ended. If it was at a script, that is what stopped it; another one takes over from there. */
static int ended(struct jobs *jobs, unsigned self)
{
    int status = 0;
    struct process *process = &jobs->process[self];
    close(process->fd);
    process->fd = -1;
    while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR)
        ;
    size_t taken = atomic_exchange(&jobs->shared->taken[self], 0);
    if (taken == 0)
        return 0;
    size_t script = taken - 1;
    char *message = NULL;
    if (asprintf(&message,
                 WIFSIGNALED(status) ? "the process was stopped by signal %d" : "the process ended with status %d",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)) < 0)
        message = NULL;
    jobs->reports[script] = (struct drill_report){.result = DRILL_FAILED, .message = message};
    jobs->is_done[script] = true;
    return start(jobs, self);
}

static int collect(struct jobs *jobs)
{
    struct pollfd fds[PROCESSES_MAX];
    for (unsigned i = 0; i < jobs->count; i++)
        fds[i] = (struct pollfd){.fd = jobs->process[i].fd, .events = POLLIN};
    if (poll(fds, jobs->count, -1) < 0)
        return errno == EINTR ? 0 : complain("drill", "waiting failed: %s", strerror(errno));
    for (unsigned i = 0; i < jobs->count; i++) {
        size_t script = 0;
        struct drill_report report = {0};
        if (fds[i].fd < 0 || fds[i].revents == 0)
            continue;
        if (get_report(fds[i].fd, &script, &report)) {
            jobs->reports[script] = report;
            jobs->is_done[script] = true;
        } else if (ended(jobs, i) < 0) {
            return -1;
        }
    }
    return 0;
}

typedef void done_function(void *context, const char *path, const struct drill_report *report);

static void show(struct jobs *jobs, done_function *done, void *context)
{
    const struct drill_files *files = jobs->given->files;
    while (jobs->shown < files->count && jobs->is_done[jobs->shown]) {
        done(context, files->path[jobs->shown], &jobs->reports[jobs->shown]);
        drill_report_free(&jobs->reports[jobs->shown]);
        jobs->shown++;
    }
}

static int run_processes(struct jobs *jobs, done_function *done, void *context)
{
    int result = 0;
    for (unsigned i = 0; i < jobs->count && result == 0; i++)
        result = start(jobs, i);
    while (result == 0 && jobs->shown < jobs->given->files->count) {
        result = collect(jobs);
        show(jobs, done, context);
    }
    for (unsigned i = 0; i < jobs->count; i++) {
        if (jobs->process[i].fd < 0)
            continue;
        close(jobs->process[i].fd);
        while (waitpid(jobs->process[i].pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    return result;
}

int drill_jobs_run(const struct drill_jobs *jobs, done_function *done, void *context)
{
    size_t scripts = jobs->files->count;
    if (scripts == 1) {
        struct drill_report report;
        run_script(jobs, jobs->files->path[0], &report);
        done(context, jobs->files->path[0], &report);
        drill_report_free(&report);
        return 0;
    }
    struct jobs all = {.given = jobs, .count = jobs->processes < PROCESSES_MAX ? jobs->processes : PROCESSES_MAX};
    /* cppcheck-suppress invalidFunctionArg ; without a file the descriptor is -1 */
    void *memory = mmap(NULL, sizeof *all.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    all.shared = memory != MAP_FAILED ? memory : NULL;
    all.reports = calloc(scripts, sizeof *all.reports);
    all.is_done = calloc(scripts, sizeof *all.is_done);
    int result = -1;
    for (unsigned i = 0; i < all.count; i++)
        all.process[i].fd = -1;
    if (all.shared == NULL || all.reports == NULL || all.is_done == NULL)
        complain("drill", "out of memory");
    else
        result = run_processes(&all, done, context);
    for (size_t i = 0; all.reports != NULL && i < scripts; i++)
        drill_report_free(&all.reports[i]);
    free(all.reports);
    free(all.is_done);
    if (all.shared != NULL)
        munmap(memory, sizeof *all.shared);
    return result;
}
