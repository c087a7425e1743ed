#include "heap_scenarios.h"

#include <dlfcn.h>

// As sqlite3.h declares them; the numbers are part of SQLite's interface.
struct mem_methods {
  void *(*malloc)(int);
  void (*free)(void *);
  void *(*realloc)(void *, int);
  int (*size)(void *);
  int (*roundup)(int);
  int (*init)(void *);
  void (*shutdown)(void *);
  void *data;
};
enum { config_single_thread = 1, config_malloc = 4, config_memory_status = 9, row = 100, done = 101 };

static struct heap_functions heap;
static int (*sqlite3_open)(const char *, void **);
static int (*sqlite3_exec)(void *, const char *, void *, void *, char **);
static int (*sqlite3_prepare_v2)(void *, const char *, int, void **, const char **);
static int (*sqlite3_step)(void *);
static int (*sqlite3_reset)(void *);
static long long (*sqlite3_column_int64)(void *, int);

// SQLite gives no context: these know the one heap.
static void *heap_malloc(int size) { return heap.allocate(heap.context, size); }
static void heap_free(void *block) { heap.free(heap.context, block); }
static void *heap_realloc(void *block, int size) { return heap.reallocate(heap.context, block, size); }
static int heap_size(void *block) { return (int)heap.usable_size(heap.context, block); }
static int heap_roundup(int size) { return (size + 15) & ~15; }
static int heap_init(void *data) { return (void)data, 0; }
static void heap_shutdown(void *data) { (void)data; }

int heap_sqlite_configure(const struct heap_functions *functions) {
  void *library = dlopen("libsqlite3.so.0", RTLD_NOW | RTLD_LOCAL);
  if (!library) library = dlopen("libsqlite3.so", RTLD_NOW | RTLD_LOCAL);
  if (!library) return -1;
  int (*sqlite3_config)(int, ...) = dlsym(library, "sqlite3_config");
  sqlite3_open = dlsym(library, "sqlite3_open");
  sqlite3_exec = dlsym(library, "sqlite3_exec");
  sqlite3_prepare_v2 = dlsym(library, "sqlite3_prepare_v2");
  sqlite3_step = dlsym(library, "sqlite3_step");
  sqlite3_reset = dlsym(library, "sqlite3_reset");
  sqlite3_column_int64 = dlsym(library, "sqlite3_column_int64");
  if (!sqlite3_config || !sqlite3_open || !sqlite3_exec || !sqlite3_prepare_v2 || !sqlite3_step ||
      !sqlite3_reset || !sqlite3_column_int64)
    return -1;
  heap = *functions;
  static struct mem_methods methods = {
      heap_malloc, heap_free, heap_realloc, heap_size, heap_roundup, heap_init, heap_shutdown, 0};
  int status = sqlite3_config(config_single_thread);
  if (!status) status = sqlite3_config(config_memory_status, 0);
  if (!status) status = sqlite3_config(config_malloc, &methods);
  return status;
}

void *heap_sqlite_open(void) {
  void *database = 0;
  return sqlite3_open(":memory:", &database) == 0 ? database : 0;
}

int heap_sqlite_execute(void *database, const char *sql) {
  return sqlite3_exec(database, sql, 0, 0, 0);
}

void *heap_sqlite_prepare(void *database, const char *sql) {
  void *statement = 0;
  return sqlite3_prepare_v2(database, sql, -1, &statement, 0) == 0 ? statement : 0;
}

int heap_sqlite_step(void *statement) {
  int status = sqlite3_step(statement);
  return status == row ? 1 : status == done ? 0 : -status;
}

long long heap_sqlite_integer(void *statement, int column) {
  return sqlite3_column_int64(statement, column);
}

int heap_sqlite_reset(void *statement) { return sqlite3_reset(statement); }
