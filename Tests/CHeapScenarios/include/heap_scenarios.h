// Lua and SQLite as far as the tests of a heap's C functions need them, found when the program runs: it builds
// where they are not installed.
#ifndef HEAP_SCENARIOS_H
#define HEAP_SCENARIOS_H

#include <stddef.h>

// malloc's functions over a heap.
struct heap_functions {
  void *_Nullable context;
  void *_Nullable (*_Nonnull allocate)(void *_Nullable context, long byte_count);
  void *_Nullable (*_Nonnull reallocate)(void *_Nullable context, void *_Nullable block, long byte_count);
  void (*_Nonnull free)(void *_Nullable context, void *_Nullable block);
  long (*_Nonnull usable_size)(void *_Nullable context, void *_Nullable block);
};

// Lua 5.4. An interpreter whose every allocation is made by `functions`, with a coroutine that runs `source`.
// Null with a sentence in `*error` if the library is missing (`*is_missing`) or fails.
void *_Nullable heap_lua_start(
    const struct heap_functions *_Nonnull functions, const char *_Nonnull source, int *_Nonnull is_missing,
    const char *_Nullable *_Nonnull error);
// Runs the coroutine until it yields or ends: 1 if it yielded, 0 if it ended, below zero for an error.
int heap_lua_resume(void *_Nonnull coroutine);
// What it yielded or returned, as text.
const char *_Nullable heap_lua_text(void *_Nonnull coroutine);

// SQLite. Its memory is set to `functions`, for the whole process: 0, or -1 if the library is missing.
int heap_sqlite_configure(const struct heap_functions *_Nonnull functions);
// An in-memory database; null on failure.
void *_Nullable heap_sqlite_open(void);
// Runs statements: 0 or SQLite's error.
int heap_sqlite_execute(void *_Nonnull database, const char *_Nonnull sql);
void *_Nullable heap_sqlite_prepare(void *_Nonnull database, const char *_Nonnull sql);
// Steps a statement: 1 for a row, 0 at the end, below zero for an error.
int heap_sqlite_step(void *_Nonnull statement);
long long heap_sqlite_integer(void *_Nonnull statement, int column);
int heap_sqlite_reset(void *_Nonnull statement);

#endif
