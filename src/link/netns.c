#include "netns.h"

#include "tun.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int write_file(const char *path, const char *text, struct link_error *error)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return link_fail(error, "%s: %s", path, strerror(errno));
    ssize_t written = write(fd, text, strlen(text));
    int why = errno;
    close(fd);
    if (written != (ssize_t)strlen(text))
        return link_fail(error, "%s: %s", path, strerror(why));
    return 0;
}

/* We become root in our own user namespace. setgroups must be denied before an unprivileged process may write gid_map
   (user_namespaces(7)). */
static int map_ids(unsigned uid, unsigned gid, struct link_error *error)
{
    char text[64];
    if (write_file("/proc/self/setgroups", "deny", error) < 0)
        return -1;
    snprintf(text, sizeof text, "0 %u 1\n", uid);
    if (write_file("/proc/self/uid_map", text, error) < 0)
        return -1;
    snprintf(text, sizeof text, "0 %u 1\n", gid);
    return write_file("/proc/self/gid_map", text, error);
}

static const char *user_advice(int why)
{
    switch (why) {
    case EINVAL: return "a user namespace needs a process with one thread, and a kernel that has them";
    case EPERM:
    case EACCES:
        return "user namespaces are not allowed here (sysctl kernel.unprivileged_userns_clone, "
               "kernel.apparmor_restrict_unprivileged_userns): run as root";
    case ENOSPC: return "the limit of user namespaces is reached (sysctl user.max_user_namespaces)";
    default: return strerror(why);
    }
}

static int enter_as_user(enum netns_how *how, struct link_error *error)
{
    unsigned uid = geteuid();
    unsigned gid = getegid();
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
        return link_fail(error, "network namespace: %s", user_advice(errno));
    *how = NETNS_USER;
    return map_ids(uid, gid, error);
}

int netns_enter(enum netns_how *how, struct link_error *error)
{
    *how = NETNS_NONE;
    if (unshare(CLONE_NEWNET) == 0)
        *how = NETNS_ROOT;
    else if (errno != EPERM)
        return link_fail(error, "network namespace: %s", strerror(errno));
    else if (enter_as_user(how, error) < 0)
        return -1;
    return link_up("lo", error);
}

const char *netns_how_text(enum netns_how how)
{
    switch (how) {
    case NETNS_NONE: return "no network namespace of its own";
    case NETNS_ROOT: return "a network namespace (made as root)";
    case NETNS_USER: return "a network namespace (in a user namespace, without privilege)";
    }
    return "?";
}

/* In the child. What goes wrong is written to the pipe as errno; exec closes it. */
static _Noreturn void become(char *const argv[], pid_t parent, int report)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL); /* the parent may take its signals by signalfd */
    signal(SIGPIPE, SIG_DFL);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent)
        execvp(argv[0], argv);
    int why = errno;
    ssize_t written = write(report, &why, sizeof why);
    _exit(written == (ssize_t)sizeof why ? 127 : 126);
}

pid_t netns_spawn(char *const argv[], struct link_error *error)
{
    int report[2];
    if (pipe2(report, O_CLOEXEC) < 0)
        return link_fail(error, "%s: pipe: %s", argv[0], strerror(errno));
    pid_t parent = getpid();
    pid_t child = fork();
    if (child == 0)
        become(argv, parent, report[1]);
    int why = errno;
    close(report[1]);
    if (child < 0) {
        close(report[0]);
        return link_fail(error, "%s: fork: %s", argv[0], strerror(why));
    }
    ssize_t got;
    do {
        got = read(report[0], &why, sizeof why);
    } while (got < 0 && errno == EINTR);
    close(report[0]);
    if (got == 0)
        return child;
    waitpid(child, NULL, 0);
    return link_fail(error, "%s: %s", argv[0], got == (ssize_t)sizeof why ? strerror(why) : "could not be started");
}
