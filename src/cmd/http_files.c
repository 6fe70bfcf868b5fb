#include "http_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *const content_types[][2] = {
    {"html", "text/html; charset=utf-8"},
    {"htm", "text/html; charset=utf-8"},
    {"css", "text/css; charset=utf-8"},
    {"txt", "text/plain; charset=utf-8"},
    {"md", "text/plain; charset=utf-8"},
    {"c", "text/plain; charset=utf-8"},
    {"h", "text/plain; charset=utf-8"},
    {"js", "text/javascript; charset=utf-8"},
    {"json", "application/json"},
    {"xml", "application/xml"},
    {"pdf", "application/pdf"},
    {"wasm", "application/wasm"},
    {"gz", "application/gzip"},
    {"zip", "application/zip"},
    {"svg", "image/svg+xml"},
    {"png", "image/png"},
    {"jpg", "image/jpeg"},
    {"jpeg", "image/jpeg"},
    {"gif", "image/gif"},
    {"webp", "image/webp"},
    {"ico", "image/x-icon"},
    {"woff2", "font/woff2"},
    {"mp4", "video/mp4"},
    {"webm", "video/webm"},
    {"mp3", "audio/mpeg"},
};

static const char *content_type(const char *path)
{
    const char *dot = strrchr(path, '.');
    if (dot && !strchr(dot, '/'))
        for (size_t i = 0; i < sizeof content_types / sizeof content_types[0]; i++)
            if (strcasecmp(dot + 1, content_types[i][0]) == 0)
                return content_types[i][1];
    return "application/octet-stream";
}

int resource_directory(const char *path)
{
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int open_beneath(int directory, const char *path)
{
    struct open_how how = {
        .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, /* a FIFO must not hold us up */
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "/a%20b?query" -> "a b"; the root is ".". False if it is no path of ours. */
static bool decode(const char *target, char path[PATH_MAX])
{
    size_t length = 0;
    while (*target == '/')
        target++;
    for (; *target && *target != '?' && *target != '#'; target++) {
        int octet = (unsigned char)*target;
        if (octet == '%') {
            int high = hex_digit(target[1]);
            int low = high < 0 ? -1 : hex_digit(target[2]);
            if (low < 0)
                return false;
            octet = high * 16 + low;
            target += 2;
        }
        if (octet == 0 || length + 1 >= PATH_MAX)
            return false;
        path[length++] = (char)octet;
    }
    if (length == 0)
        path[length++] = '.';
    path[length] = 0;
    return true;
}

/* ---- directories ------------------------------------------------------------------------------------------------- */

static void put_html(FILE *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        case '&': fputs("&amp;", out); break;
        case '"': fputs("&quot;", out); break;
        default: fputc(*text, out);
        }
    }
}

static void put_url(FILE *out, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (; *text; text++) {
        if (strchr(plain, *text))
            fputc(*text, out);
        else
            fprintf(out, "%%%02X", (unsigned)(unsigned char)*text);
    }
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void put_entry(FILE *out, int directory, const char *name)
{
    struct stat status;
    if (fstatat(directory, name, &status, 0) != 0)
        return;
    const char *slash = S_ISDIR(status.st_mode) ? "/" : "";
    fputs("<tr><td><a href=\"./", out); /* "./": a name like "a:b" is no scheme */
    put_url(out, name);
    fprintf(out, "%s\">", slash);
    put_html(out, name);
    fprintf(out, "%s</a></td><td align=\"right\">", slash);
    if (S_ISREG(status.st_mode))
        fprintf(out, "%jd", (intmax_t)status.st_size);
    fputs("</td></tr>\n", out);
}

static struct resource listing(int directory, const char *path)
{
    struct resource page = {.kind = RESOURCE_BUSY, .content_type = "text/html; charset=utf-8"};
    struct dirent **entries = NULL;
    size_t length = 0;
    int count = scandirat(directory, ".", &entries, visible, alphasort);
    FILE *out = count < 0 ? NULL : open_memstream(&page.text, &length);
    if (out) {
        fputs("<!doctype html>\n<meta charset=\"utf-8\">\n<title>", out);
        put_html(out, path);
        fputs("</title>\n<h1>", out);
        put_html(out, path);
        fputs("</h1>\n<table>\n<tr><td><a href=\"../\">../</a></td></tr>\n", out);
        for (int i = 0; i < count; i++)
            put_entry(out, directory, entries[i]->d_name);
        fputs("</table>\n", out);
        if (fclose(out) == 0) {
            page.kind = RESOURCE_LISTING;
            page.length = length;
        } else {
            free(page.text);
            page.text = NULL;
        }
    }
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
    return page;
}

/* ---- resources --------------------------------------------------------------------------------------------------- */

static struct resource failed(void)
{
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG: return (struct resource){.kind = RESOURCE_MISSING};
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN: return (struct resource){.kind = RESOURCE_BUSY};
    default: return (struct resource){.kind = RESOURCE_FORBIDDEN}; /* EXDEV: it led outside; EACCES; ELOOP; ... */
    }
}

/* Takes the descriptor: keeps it for a regular file, closes it otherwise. */
static struct resource from_descriptor(int descriptor, const char *path)
{
    struct stat status;
    if (fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode))
        return (struct resource){.kind = RESOURCE_FILE,
                                 .descriptor = descriptor,
                                 .length = (uint64_t)status.st_size,
                                 .content_type = content_type(path)};
    close(descriptor);
    return (struct resource){.kind = RESOURCE_FORBIDDEN};
}

static struct resource from_directory(int directory, const char *path)
{
    size_t length = strlen(path);
    bool root = strcmp(path, ".") == 0;
    if (!root && path[length - 1] != '/')
        return (struct resource){.kind = RESOURCE_REDIRECT};
    int index = open_beneath(directory, "index.html");
    if (index >= 0)
        return from_descriptor(index, "index.html");
    return errno == ENOENT ? listing(directory, root ? "/" : path) : failed();
}

struct resource resource_open(int directory, const char *target)
{
    char path[PATH_MAX];
    struct stat status;
    if (strncasecmp(target, "http://", 7) == 0) { /* absolute-form: RFC 9112 3.2.2 */
        target += 7 + strcspn(target + 7, "/?#");
        if (*target != '/')
            target = "/";
    }
    if (*target != '/' || !decode(target, path))
        return (struct resource){.kind = RESOURCE_BAD};
    int descriptor = open_beneath(directory, path);
    if (descriptor < 0)
        return failed();
    if (fstat(descriptor, &status) != 0 || !S_ISDIR(status.st_mode))
        return from_descriptor(descriptor, path);
    struct resource resource = from_directory(descriptor, path);
    close(descriptor);
    return resource;
}
