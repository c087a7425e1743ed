// LMDB in memory that is no disk's: one database in a folder of its own, without sync, written in place.
//
// The library is loaded when it is first used, so that the benchmarks can be built without it.
#ifndef CPEERS_LMDB_H
#define CPEERS_LMDB_H

#include <stddef.h>

struct cpeers_lmdb;

// Opens a database in an empty folder. Null with a sentence if it cannot be.
struct cpeers_lmdb *_Nullable cpeers_lmdb_open(
    const char *_Nonnull folder, size_t byte_count, const char *_Nullable *_Nonnull error);
void cpeers_lmdb_close(struct cpeers_lmdb *_Nonnull database);

// Gives each of `count` keys, one after another in memory, the same value, in one transaction. Returns whether
// it has done so.
int cpeers_lmdb_insert(
    struct cpeers_lmdb *_Nonnull database, const void *_Nonnull keys, size_t key_size, size_t count,
    const void *_Nonnull value, size_t value_size);
// The sum of the first bytes of the keys' values, read in one transaction.
size_t cpeers_lmdb_sum(
    struct cpeers_lmdb *_Nonnull database, const void *_Nonnull keys, size_t key_size, size_t count);
// The same of all entries in the order of their keys.
size_t cpeers_lmdb_scan(struct cpeers_lmdb *_Nonnull database);

#endif
