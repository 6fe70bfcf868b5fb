#ifndef LASTACK_VERSION_H
#define LASTACK_VERSION_H

/* The version this header belongs to: semantic versioning 2.0.0. */
#define LA_VERSION "0.1.0"

#endif
