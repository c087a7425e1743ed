#include "cpeers_lmdb.h"

#include <dlfcn.h>
#include <stdlib.h>

// As in lmdb.h of LMDB 0.9.
typedef struct { size_t size; void *data; } value;
enum { no_sync = 0x10000, read_only = 0x20000, no_meta_sync = 0x40000, write_map = 0x80000, next_entry = 8 };

static struct {
  int (*env_create)(void **);
  int (*env_set_mapsize)(void *, size_t);
  int (*env_open)(void *, const char *, unsigned, unsigned);
  void (*env_close)(void *);
  int (*txn_begin)(void *, void *, unsigned, void **);
  int (*txn_commit)(void *);
  void (*txn_abort)(void *);
  int (*dbi_open)(void *, const char *, unsigned, unsigned *);
  int (*put)(void *, unsigned, value *, value *, unsigned);
  int (*get)(void *, unsigned, value *, value *);
  int (*cursor_open)(void *, unsigned, void **);
  int (*cursor_get)(void *, value *, value *, int);
  void (*cursor_close)(void *);
} mdb;

struct cpeers_lmdb {
  void *environment;
  unsigned database;
};

static int load(const char **error) {
  *error = "liblmdb.so.0 is not installed (liblmdb-dev)";
  void *library = dlopen("liblmdb.so.0", RTLD_NOW | RTLD_LOCAL);
  if (!library) library = dlopen("liblmdb.so", RTLD_NOW | RTLD_LOCAL);
  if (!library) return 0;
  struct { const char *name; void *target; } functions[] = {
    {"mdb_env_create", &mdb.env_create}, {"mdb_env_set_mapsize", &mdb.env_set_mapsize},
    {"mdb_env_open", &mdb.env_open},     {"mdb_env_close", &mdb.env_close},
    {"mdb_txn_begin", &mdb.txn_begin},   {"mdb_txn_commit", &mdb.txn_commit},
    {"mdb_txn_abort", &mdb.txn_abort},   {"mdb_dbi_open", &mdb.dbi_open},
    {"mdb_put", &mdb.put},               {"mdb_get", &mdb.get},
    {"mdb_cursor_open", &mdb.cursor_open}, {"mdb_cursor_get", &mdb.cursor_get},
    {"mdb_cursor_close", &mdb.cursor_close},
  };
  *error = "liblmdb lacks a function";
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    void *function = dlsym(library, functions[i].name);
    if (!function) return 0;
    *(void **)functions[i].target = function;
  }
  return 1;
}

struct cpeers_lmdb *cpeers_lmdb_open(const char *folder, size_t byte_count, const char **error) {
  if (!load(error)) return NULL;
  *error = "LMDB cannot make a database there";
  struct cpeers_lmdb *database = calloc(1, sizeof *database);
  if (!database || mdb.env_create(&database->environment)) {
    free(database);
    return NULL;
  }
  void *transaction;
  if (mdb.env_set_mapsize(database->environment, byte_count) ||
      mdb.env_open(database->environment, folder, no_sync | no_meta_sync | write_map, 0600) ||
      mdb.txn_begin(database->environment, NULL, 0, &transaction)) {
    cpeers_lmdb_close(database);
    return NULL;
  }
  int failed = mdb.dbi_open(transaction, NULL, 0, &database->database);
  if (mdb.txn_commit(transaction) || failed) {
    cpeers_lmdb_close(database);
    return NULL;
  }
  return database;
}

void cpeers_lmdb_close(struct cpeers_lmdb *database) {
  mdb.env_close(database->environment);
  free(database);
}

int cpeers_lmdb_insert(
    struct cpeers_lmdb *database, const void *keys, size_t key_size, size_t count, const void *bytes,
    size_t value_size) {
  void *transaction;
  if (mdb.txn_begin(database->environment, NULL, 0, &transaction)) return 0;
  for (size_t i = 0; i < count; i++) {
    value key = {key_size, (char *)keys + i * key_size};
    value data = {value_size, (void *)bytes};
    if (mdb.put(transaction, database->database, &key, &data, 0)) {
      mdb.txn_abort(transaction);
      return 0;
    }
  }
  return mdb.txn_commit(transaction) == 0;
}

size_t cpeers_lmdb_sum(struct cpeers_lmdb *database, const void *keys, size_t key_size, size_t count) {
  void *transaction;
  if (mdb.txn_begin(database->environment, NULL, read_only, &transaction)) return 0;
  size_t sum = 0;
  for (size_t i = 0; i < count; i++) {
    value key = {key_size, (char *)keys + i * key_size};
    value data;
    if (mdb.get(transaction, database->database, &key, &data) == 0) sum += *(unsigned char *)data.data;
  }
  mdb.txn_abort(transaction);
  return sum;
}

size_t cpeers_lmdb_scan(struct cpeers_lmdb *database) {
  void *transaction, *cursor;
  if (mdb.txn_begin(database->environment, NULL, read_only, &transaction)) return 0;
  size_t sum = 0;
  if (mdb.cursor_open(transaction, database->database, &cursor) == 0) {
    value key, data;
    while (mdb.cursor_get(cursor, &key, &data, next_entry) == 0) sum += *(unsigned char *)data.data;
    mdb.cursor_close(cursor);
  }
  mdb.txn_abort(transaction);
  return sum;
}
