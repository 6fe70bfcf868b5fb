#include "packet.h"

#include <stdlib.h>
#include <string.h>

/* ICMP's types and codes by the names that scripts use. */

struct code_name {
    uint8_t code;
    const char *name;
};

struct type_name {
    uint8_t type;
    bool is_error;
    const char *name;
    const struct code_name *codes; /* NULL: only 0, and code_N */
};

static const struct code_name unreachable_v4[] = {{0, "net_unreachable"},
                                                  {1, "host_unreachable"},
                                                  {2, "protocol_unreachable"},
                                                  {3, "port_unreachable"},
                                                  {4, "frag_needed"},
                                                  {5, "source_route_failed"},
                                                  {6, "net_unknown"},
                                                  {7, "host_unknown"},
                                                  {8, "source_host_isolated"},
                                                  {9, "net_prohibited"},
                                                  {10, "host_prohibited"},
                                                  {11, "net_unreachable_for_tos"},
                                                  {12, "host_unreachable_for_tos"},
                                                  {13, "packet_filtered"},
                                                  {14, "precedence_violation"},
                                                  {15, "precedence_cutoff"},
                                                  {0, NULL}};

static const struct type_name types_v4[] = {
    {0, false, "echo_reply", NULL},          {3, true, "unreachable", unreachable_v4},
    {4, true, "source_quench", NULL},        {5, true, "redirect", NULL},
    {8, false, "echo_request", NULL},        {11, true, "time_exceeded", NULL},
    {12, true, "parameter_problem", NULL},   {13, false, "timestamp_request", NULL},
    {14, false, "timestamp_reply", NULL},    {15, false, "information_request", NULL},
    {16, false, "information_reply", NULL},  {17, false, "address_mask_request", NULL},
    {18, false, "address_mask_reply", NULL}, {0, false, NULL, NULL}};

static const struct code_name unreachable_v6[] = {{0, "no_route"},
                                                  {0, "net_unreachable"},
                                                  {1, "admin_prohibited"},
                                                  {2, "not_neighbour"},
                                                  {3, "address_unreachable"},
                                                  {4, "port_unreachable"},
                                                  {0, NULL}};

static const struct code_name exceeded_v6[] = {{0, "exceeded_hop_limit"}, {1, "exceeded_frag_time"}, {0, NULL}};

static const struct code_name parameter_v6[] = {
    {0, "header_field"}, {1, "unknown_next_header"}, {2, "unknown_option"}, {0, NULL}};

static const struct type_name types_v6[] = {{1, true, "unreachable", unreachable_v6},
                                            {2, true, "packet_too_big", NULL},
                                            {3, true, "time_exceeded", exceeded_v6},
                                            {4, true, "parameter_problem", parameter_v6},
                                            {128, false, "echo_request", NULL},
                                            {129, false, "echo_reply", NULL},
                                            {0, false, NULL, NULL}};

static const struct type_name *types_of(bool is_ipv4)
{
    return is_ipv4 ? types_v4 : types_v6;
}

static const struct type_name *find_type(bool is_ipv4, uint8_t type)
{
    for (const struct type_name *entry = types_of(is_ipv4); entry->name != NULL; entry++)
        if (entry->type == type)
            return entry;
    return NULL;
}

/* "type_3" -> 3. -1 if it is not that. */
static int numbered(const char *prefix, const char *name)
{
    size_t length = strlen(prefix);
    char *end = NULL;
    if (strncmp(name, prefix, length) != 0 || name[length] < '0' || name[length] > '9')
        return -1;
    long value = strtol(name + length, &end, 10);
    return *end == '\0' && value <= UINT8_MAX ? (int)value : -1;
}

int icmp_type_number(bool is_ipv4, const char *name)
{
    for (const struct type_name *entry = types_of(is_ipv4); entry->name != NULL; entry++)
        if (strcmp(entry->name, name) == 0)
            return entry->type;
    return numbered("type_", name);
}

int icmp_code_number(bool is_ipv4, uint8_t type, const char *name)
{
    const struct type_name *entry = find_type(is_ipv4, type);
    for (const struct code_name *code = entry != NULL ? entry->codes : NULL; code != NULL && code->name != NULL; code++)
        if (strcmp(code->name, name) == 0)
            return code->code;
    return numbered("code_", name);
}

void icmp_type_names(FILE *out, bool is_ipv4)
{
    for (const struct type_name *entry = types_of(is_ipv4); entry->name != NULL; entry++)
        fprintf(out, "%s, ", entry->name);
    fputs("type_N", out);
}

void icmp_code_names(FILE *out, bool is_ipv4, uint8_t type)
{
    const struct type_name *entry = find_type(is_ipv4, type);
    for (const struct code_name *code = entry != NULL ? entry->codes : NULL; code != NULL && code->name != NULL; code++)
        fprintf(out, "%s, ", code->name);
    fputs("code_N", out);
}

bool icmp_is_error(bool is_ipv4, uint8_t type)
{
    const struct type_name *entry = find_type(is_ipv4, type);
    return entry != NULL ? entry->is_error : !is_ipv4 && type < 128;
}
