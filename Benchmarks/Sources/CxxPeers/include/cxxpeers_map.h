// C++'s own hash table of strings, for programs in C and Swift.
#ifndef CXXPEERS_MAP_H
#define CXXPEERS_MAP_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

// A std::unordered_map<std::string, std::string>.
struct cxxpeers_map;

struct cxxpeers_map *_Nonnull cxxpeers_map_make(void);
void cxxpeers_map_free(struct cxxpeers_map *_Nonnull map);

// Gives each of `count` keys, one after another in memory, the same value.
void cxxpeers_map_insert(
    struct cxxpeers_map *_Nonnull map, const void *_Nonnull keys, size_t key_size, size_t count,
    const void *_Nonnull value, size_t value_size);
// The sum of the first bytes of the keys' values.
size_t cxxpeers_map_sum(
    const struct cxxpeers_map *_Nonnull map, const void *_Nonnull keys, size_t key_size, size_t count);

#ifdef __cplusplus
}
#endif

#endif
