#ifndef CMD_DEMO_SCENE_H
#define CMD_DEMO_SCENE_H

#include "demo.h"
#include "stage.h"

#include "link/memory.h"

/* One part's own small world: lastack on one side; on the other the kernel's TCP behind a TUN device, in real time, or
   a second lastack over a link in memory, in virtual time. The parts need not know which. */

enum scene_side { SCENE_LASTACK, SCENE_PEER };

enum { JOURNAL_RECORDS = 16384 };

/* The trace records of lastack's connections at one port, and the segments that the network lost. */
struct journal {
    uint16_t port;
    size_t count;
    struct la_trace record[JOURNAL_RECORDS];
    bool lost[JOURNAL_RECORDS]; /* it is no record of the host's, but what the network lost */
};

struct scene_setup {
    uint32_t msl_ms;
    bool ladder;                    /* shown as it happens, and the journal is kept */
    uint16_t port;                  /* of lastack's, whose connections are shown and kept */
    const char *const (*impair)[2]; /* options of impair_option and their values, up to {NULL, NULL}; may be NULL */
};

struct scene {
    struct demo *demo;
    la_host *host;
    la_host *peer; /* the second lastack; NULL: the kernel is the peer */
    struct network_options options;
    struct option_group groups[NETWORK_GROUPS];
    struct stage stage;    /* with the kernel */
    struct memory *memory; /* with a second lastack */
    struct impair_config impair;
    la_time now;
    struct journal journal;
    struct ladder *ladder;
    struct watch watch[2];
    struct sockdiag *diag;
    struct la_endpoint here; /* the connection whose peer's state is shown */
    struct la_endpoint there;
    enum la_state peer_state; /* as last seen by sock_diag */
    void (*on_event)(void *context, enum scene_side side, const struct la_event *event);
    void *context;
    bool (*holds)(void *context);
    bool held;
    la_time deadline; /* of scene_until */
};

/* 0, or -1: said on standard error. */
int scene_open(struct scene *scene, struct demo *demo, const struct scene_setup *setup);
void scene_close(struct scene *scene);

/* The time to hand to lastack now. */
la_time scene_now(const struct scene *scene);

/* 10.83.0.2 and .1, or fd00:83::2 and ::1. */
struct la_address scene_address(const struct demo *demo, enum scene_side side);

/* The same, as it stands in a URL. */
enum { SCENE_HOST_BYTES = LA_ADDRESS_TEXT_BYTES + 2 };
void scene_host_text(const struct demo *demo, enum scene_side side, char text[SCENE_HOST_BYTES]);

/* Lets the world go on until holds(scene->context) is true, at most so long: whether it became true. */
bool scene_until(struct scene *scene, bool (*holds)(void *context), unsigned milliseconds);

/* What the program does, beside a rail. */
void scene_note(struct scene *scene, enum scene_side side, const char *text);

/* ---- the journal ------------------------------------------------------------------------------------------------- */

/* Segments of a direction with all of these flags: those that the host sent or saw, or those that the network lost. */
unsigned journal_segments(const struct journal *journal, enum la_trace_kind kind, uint8_t flags, bool lost);
unsigned journal_waits(const struct journal *journal, enum la_wait_event event);
/* The last TIME-WAIT record of that kind; NULL if there is none. */
const struct la_trace *journal_wait(const struct journal *journal, enum la_wait_event event);

/* ---- the peer's program: one connection -------------------------------------------------------------------------- */

struct peer {
    struct scene *scene;
    int fd;              /* the kernel's socket */
    struct la_conn conn; /* the second lastack's connection */
    bool open;
};

/* Begins to connect from the port to lastack's. 0, or -1: said on standard error. */
int peer_connect(struct peer *peer, struct scene *scene, uint16_t from, uint16_t to);
bool peer_send(struct peer *peer, const char *text);
/* Octets read; 0: the end of lastack's data; -1: nothing yet; -2: an error. */
int peer_receive(struct peer *peer, char *text, size_t size);
void peer_shutdown(struct peer *peer);
enum la_state peer_state(const struct peer *peer);
/* What the program learns of an error: "Connection reset by peer", or NULL. To be asked once. */
const char *peer_error(struct peer *peer);
void peer_free(struct peer *peer);

#endif
