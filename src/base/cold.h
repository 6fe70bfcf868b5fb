#ifndef BASE_COLD_H
#define BASE_COLD_H

/* Of a function that is seldom called: the compiler keeps it, and the way to it, out of the code that every segment
   passes. */
#define COLD __attribute__((cold, noinline))

/* Of a function that its caller seldom has to enter: it stays apart, so that the caller's short way saves no registers
   for it. */
#define APART __attribute__((noinline))

/* Of a function that every segment passes: what it calls becomes part of it, but for COLD and APART, whoever else calls
   it too. */
#define STRAIGHT __attribute__((flatten))

#endif
