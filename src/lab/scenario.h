#ifndef LAB_SCENARIO_H
#define LAB_SCENARIO_H

#include "network.h"

#include <stdio.h>

/* A scenario as data: who is there, what they do and when, what the network does to which segment, and what is
   expected. The language is docs/lab.md's. */

enum {
    SCENARIO_TEXTS = 16,
    SCENARIO_TEXT_BYTES = 400,
    SCENARIO_SETTINGS = 64,
    SCENARIO_RULES = 32,
    SCENARIO_STEPS = 128,
    SCENARIO_EXPECTATIONS = 64,
    SCENARIO_CONNECTIONS = 32, /* of a host */
    SCENARIO_PIECES = 8,
    SCENARIO_WORD_BYTES = 64,
    SCENARIO_OCTETS_MAX = 1 << 20, /* that a program sends, or is to receive, at once */
    SCENARIO_ALL_HOSTS = -1
};

enum scenario_text_kind { TEXT_TITLE, TEXT_CLAIM, TEXT_WITHOUT };

struct scenario_text {
    enum scenario_text_kind kind;
    char text[SCENARIO_TEXT_BYTES];
};

struct scenario_node {
    char name[NETWORK_NAME_BYTES];
    enum network_kind kind;
    struct network_middle middle;
};

/* A field of struct la_config. */
struct scenario_setting {
    int node; /* or SCENARIO_ALL_HOSTS */
    char name[SCENARIO_WORD_BYTES];
    uint64_t value;
};

struct scenario_link {
    int a;
    int b;
    struct impair_chances chances;
};

/* What the network does to segments that a node sends, on its first link. */
struct scenario_rule {
    int node;
    struct impair_pattern pattern; /* its direction is not set */
    char segments[32];             /* "last-ack*3" */
};

/* So many octets of one kind, or a text: what is sent, and what is to be received, is a list of these. */
struct scenario_piece {
    uint32_t times;
    char text[SCENARIO_WORD_BYTES];
};

struct scenario_content {
    uint32_t count;
    struct scenario_piece piece[SCENARIO_PIECES];
};

/* A host's connection, in the order in which it opened or accepted them, from 1: "A.2"; "A" is "A.1". */
struct scenario_subject {
    int node;
    uint32_t connection;
};

enum scenario_comparison { COMPARE_EQUAL, COMPARE_AT_LEAST, COMPARE_AT_MOST };

enum scenario_trigger { TRIGGER_AT, TRIGGER_AFTER, TRIGGER_WHEN };

enum scenario_condition { CONDITION_IS, CONDITION_RECEIVED, CONDITION_SEES_END, CONDITION_ENDED, CONDITION_SENDS };

struct scenario_when {
    enum scenario_condition condition;
    struct scenario_subject subject;
    enum la_state state;   /* CONDITION_IS */
    uint32_t count;        /* CONDITION_RECEIVED: octets; CONDITION_SENDS: the how manyth */
    enum packet_kind kind; /* CONDITION_SENDS */
};

enum scenario_verb {
    VERB_LISTEN,
    VERB_UNLISTEN,
    VERB_CONNECT,
    VERB_SEND,
    VERB_READ,
    VERB_HOLD,
    VERB_SHUTDOWN,
    VERB_CLOSE,
    VERB_LINGER,
    VERB_ABORT,
    VERB_RELEASE,
    VERB_SET,
    VERB_VANISH
};

struct scenario_step {
    uint32_t line;
    enum scenario_trigger trigger;
    la_time time; /* at it, so long after the step before, or so long after the condition came true */
    struct scenario_when when;
    bool promptly; /* before the host answers what made the condition true: the program was waiting for it */
    struct scenario_subject subject;
    enum scenario_verb verb;
    int to;                /* VERB_CONNECT */
    uint16_t port;         /* VERB_LISTEN, VERB_UNLISTEN, VERB_CONNECT */
    uint16_t from;         /* VERB_CONNECT; 0: the host's choice */
    uint32_t backlog;      /* VERB_LISTEN */
    bool holds;            /* VERB_LISTEN, VERB_CONNECT: the program does not read before it is told to */
    enum la_option option; /* VERB_SET */
    int64_t value;
    struct scenario_content content; /* VERB_SEND */
};

enum scenario_predicate {
    EXPECT_IS,
    EXPECT_ENTERS,
    EXPECT_SENDS,
    EXPECT_REPEATS,
    EXPECT_RECEIVES,
    EXPECT_ENDS,
    EXPECT_ANSWERS,
    EXPECT_WAITS,
    EXPECT_DROPS,
    EXPECT_COUNTS,
    EXPECT_HOLDS,
    EXPECT_REFUSES
};

struct scenario_expectation {
    uint32_t line;
    bool timed; /* at `time`, else when all is over */
    la_time time;
    struct scenario_subject subject;
    enum scenario_predicate predicate;
    int which; /* enum la_state, packet_kind, la_end, la_error, la_wait_event, la_drop, la_counter; HOLDS: 0, 1 */
    enum scenario_comparison comparison;
    uint64_t count;
    struct scenario_content content; /* EXPECT_RECEIVES */
};

struct scenario {
    uint32_t text_count;
    uint32_t node_count;
    uint32_t setting_count;
    uint32_t link_count;
    uint32_t rule_count;
    uint32_t step_count;
    uint32_t expectation_count;
    uint64_t seed;
    la_time until; /* the end of the run; it ends earlier when nothing more can happen */
    int rail[2];   /* whom the ladder shows */
    bool has_rails;
    char twin[SCENARIO_WORD_BYTES]; /* the setting with whose change the scenario is best compared; may be empty */
    struct scenario_text text[SCENARIO_TEXTS];
    struct scenario_node node[NETWORK_NODES];
    struct scenario_setting setting[SCENARIO_SETTINGS];
    struct scenario_link link[NETWORK_LINKS];
    struct scenario_rule rule[SCENARIO_RULES];
    struct scenario_step step[SCENARIO_STEPS];
    struct scenario_expectation expectation[SCENARIO_EXPECTATIONS];
};

struct scenario_error {
    uint32_t line;   /* 0: of the whole */
    uint32_t column; /* of the word that is wrong, from 1; 0: of the line */
    char text[200];  /* the reason, with the word, without a full stop */
};

/* The text as a scenario, to be freed with free; NULL with what is wrong with it. */
struct scenario *scenario_read(const char *text, size_t length, struct scenario_error *error);

/* Sets "KEY=VALUE" (all hosts), "HOST.KEY=VALUE" or "seed=N", after all the scenario's own settings. False with what is
   wrong. */
bool scenario_set(struct scenario *scenario, const char *assignment, struct scenario_error *error);

/* As text that scenario_read reads back as the same. False if it could not be written. */
bool scenario_write(FILE *file, const struct scenario *scenario);

/* One step or expectation, as its line says it. */
void scenario_write_step(FILE *file, const struct scenario *scenario, const struct scenario_step *step);
void scenario_write_expectation(FILE *file, const struct scenario *scenario,
                                const struct scenario_expectation *expectation);
void scenario_write_content(FILE *file, const struct scenario_content *content);

/* The config of a host: the lab's default, and the settings in their order. */
void scenario_config(const struct scenario *scenario, int node, struct la_config *config);

/* The octets of a content. */
uint64_t scenario_octets(const struct scenario_content *content);

#endif
