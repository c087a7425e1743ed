#include "cxxpeers_map.h"

#include <string>
#include <unordered_map>

struct cxxpeers_map {
  std::unordered_map<std::string, std::string> entries;
};

cxxpeers_map *cxxpeers_map_make(void) { return new cxxpeers_map; }

void cxxpeers_map_free(cxxpeers_map *map) { delete map; }

void cxxpeers_map_insert(
    cxxpeers_map *map, const void *keys, size_t key_size, size_t count, const void *value,
    size_t value_size) {
  const char *key = static_cast<const char *>(keys);
  const char *bytes = static_cast<const char *>(value);
  for (size_t i = 0; i < count; i++, key += key_size)
    map->entries.insert_or_assign(std::string(key, key_size), std::string(bytes, value_size));
}

size_t cxxpeers_map_sum(const cxxpeers_map *map, const void *keys, size_t key_size, size_t count) {
  const char *bytes = static_cast<const char *>(keys);
  size_t sum = 0;
  // One string for all keys: a look-up allocates nothing.
  std::string key;
  for (size_t i = 0; i < count; i++, bytes += key_size) {
    key.assign(bytes, key_size);
    auto found = map->entries.find(key);
    if (found != map->entries.end()) sum += static_cast<unsigned char>(found->second[0]);
  }
  return sum;
}
