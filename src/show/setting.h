#ifndef SHOW_SETTING_H
#define SHOW_SETTING_H

#include <lastack/config.h>

/* The fields of struct la_config by their names, for who reads settings from a text: all but the key and the number of
   interfaces, which are the program's own affair. */
struct setting {
    const char *name;
    uint16_t offset;
    uint8_t size;
    bool is_bool;
};

/* NULL if there is none of that name. */
const struct setting *setting_named(const char *name);

/* The index-th, from 0; NULL behind the last. */
const struct setting *setting_at(size_t index);

/* The most that the field can hold; whether the host takes it is la_config_error's to say. */
uint64_t setting_maximum(const struct setting *setting);

/* value is at most setting_maximum. */
void setting_store(struct la_config *config, const struct setting *setting, uint64_t value);

#endif
