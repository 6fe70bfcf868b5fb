#include "drill_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd.h"

enum { FILE_BYTES_MAX = 16 << 20, DEPTH_MAX = 32 };

static int add_path(struct drill_files *files, const char *path)
{
    if (files->count == files->room) {
        size_t room = files->room == 0 ? 64 : files->room * 2;
        char **more = realloc(files->path, room * sizeof *more);
        if (more == NULL)
            return complain("drill", "out of memory");
        files->path = more;
        files->room = room;
    }
    char *copy = strdup(path);
    if (copy == NULL)
        return complain("drill", "out of memory");
    files->path[files->count++] = copy;
    return 0;
}

static bool is_script(const char *name)
{
    size_t length = strlen(name);
    return length > 4 && strcmp(name + length - 4, ".pkt") == 0;
}

/* Folders hold folders, at most DEPTH_MAX deep. NOLINTBEGIN(misc-no-recursion) */

static int add(struct drill_files *files, const char *path, bool is_named, unsigned depth);

static int add_folder(struct drill_files *files, const char *folder, unsigned depth)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, NULL, alphasort);
    int result = count < 0 ? complain("drill", "%s: %s", folder, strerror(errno)) : 0;
    for (int i = 0; i < count; i++) {
        char *path = NULL;
        if (result == 0 && entries[i]->d_name[0] != '.') {
            if (asprintf(&path, "%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/", entries[i]->d_name) < 0)
                result = complain("drill", "out of memory");
            else
                result = add(files, path, false, depth + 1);
            free(path);
        }
        free(entries[i]);
    }
    free(entries);
    return result;
}

/* What is named is a script whatever its name; in a folder, what ends in .pkt. */
static int add(struct drill_files *files, const char *path, bool is_named, unsigned depth)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return is_named || is_script(path) ? complain("drill", "%s: %s", path, strerror(errno)) : 0;
    if (S_ISDIR(status.st_mode) && depth < DEPTH_MAX)
        return add_folder(files, path, depth);
    return is_named || (is_script(path) && S_ISREG(status.st_mode)) ? add_path(files, path) : 0;
}

/* NOLINTEND(misc-no-recursion) */

int drill_files_add(struct drill_files *files, const char *path)
{
    size_t before = files->count;
    if (add(files, path, true, 0) < 0)
        return -1;
    return files->count > before ? 0 : complain("drill", "%s: there is no script in it (*.pkt)", path);
}

void drill_files_free(struct drill_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->path[i]);
    free(files->path);
    *files = (struct drill_files){0};
}

char *drill_file_read(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    size_t room = 4096;
    size_t used = 0;
    char *text = file != NULL ? malloc(room) : NULL;
    while (text != NULL) {
        used += fread(text + used, 1, room - used, file);
        if (used < room)
            break;
        room *= 2;
        char *more = room <= FILE_BYTES_MAX ? realloc(text, room) : NULL;
        if (more == NULL) {
            free(text);
            errno = EFBIG;
        }
        text = more;
    }
    bool is_broken = file != NULL && text != NULL && ferror(file);
    int error = errno;
    if (file != NULL)
        fclose(file);
    if (is_broken) {
        free(text);
        text = NULL;
    }
    errno = error;
    *length = used;
    return text;
}
