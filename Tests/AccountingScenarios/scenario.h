#ifndef SCENARIO_H
#define SCENARIO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Processes whose memory is known to the page, for the tests of the accounting. A scenario builds
// them, reports what it built on standard output ("key value...", then "ready"), and goes on with
// each line of standard input. At its end everything it started is killed and waited for.

extern size_t page_size;

/// Reports one line.
void report(const char *format, ...) __attribute__((format(printf, 1, 2)));

/// Reports `range START END` (decimal).
void report_range(const void *start, size_t size);

/// Says "ready" and waits for the next line; ends the scenario at the end of the input.
void stage(void);

/// Ends the scenario: "skip REASON".
void skip(const char *reason) __attribute__((noreturn));

/// Ends the scenario with a message if `failed`.
void check(int failed, const char *what);

/// Anonymous private memory; `size` in bytes, aligned to `alignment` (0: page).
char *allocate(size_t size, size_t alignment);

/// Writes to every `step`th page of `count` pages.
void dirty(char *memory, size_t count, size_t step);

/// Reads every page.
void touch(const char *memory, size_t count);

/// Forks a child that runs `work` and then sleeps until it is killed; returns when `work` has ended.
pid_t start_child(void (*work)(void *), void *context);

/// Kills a child and waits for it.
void end_child(pid_t child);

/// Sleeps until killed.
void sleep_for_ever(void) __attribute__((noreturn));

void scenario_fork(int argc, char **argv);
void scenario_sparse(int argc, char **argv);
void scenario_zero(int argc, char **argv);
void scenario_merged(int argc, char **argv);
void scenario_clone(int argc, char **argv);
void scenario_swap(int argc, char **argv);
void scenario_file(int argc, char **argv);
void scenario_readonly(int argc, char **argv);
void scenario_gone(int argc, char **argv);
void scenario_exec(int argc, char **argv);
void scenario_mappings(int argc, char **argv);
void scenario_protected(int argc, char **argv);
void scenario_reserved(int argc, char **argv);
void scenario_shared(int argc, char **argv);
void scenario_family(int argc, char **argv);
void scenario_later(int argc, char **argv);
void scenario_mixed(int argc, char **argv);
void scenario_remapped(int argc, char **argv);
void scenario_hugetlb(int argc, char **argv);
void scenario_memory_file(int argc, char **argv);
void scenario_writers(int argc, char **argv);
void scenario_kept(int argc, char **argv);
void scenario_split(int argc, char **argv);

#endif
