#ifndef LINK_ERROR_H
#define LINK_ERROR_H

/* Why something could not be done: one sentence without a full stop, for a person, naming the thing and the remedy
   where there is one ("/dev/net/tun: permission denied: run as root or with --netns"). Every function here that can
   fail takes one and fills it in exactly when it answers -1. */
struct link_error {
    char text[256];
};

/* Fills in the sentence and answers -1, so that a failing function ends with: return link_fail(error, ...). */
__attribute__((format(printf, 2, 3))) int link_fail(struct link_error *error, const char *format, ...);

#endif
