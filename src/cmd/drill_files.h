#ifndef CMD_DRILL_FILES_H
#define CMD_DRILL_FILES_H

#include <stdbool.h>
#include <stddef.h>

/* The scripts that the command line names: files, and all *.pkt in folders and below. */
struct drill_files {
    char **path; /* sorted within each folder */
    size_t count;
    size_t room;
};

/* Adds a file, or a folder's. 0, or -1 after it has been said what is wrong. */
int drill_files_add(struct drill_files *files, const char *path);
void drill_files_free(struct drill_files *files);

/* The whole of a file; NULL with errno. */
char *drill_file_read(const char *path, size_t *length);

#endif
