#ifndef TEST_SUPPORT_BUS_SIGNALS_H
#define TEST_SUPPORT_BUS_SIGNALS_H

// Handlers for SIGBUS as applications have them. Each writes its letter to standard output when it runs
// for a signal that is not the library's, so that this can be counted after the process has ended.

#include <stdbool.h>
#include <stdint.h>

enum test_support_bus_behaviour {
  /// Calls the action that was in place before, as a handler should.
  TEST_SUPPORT_BUS_CHAINS,
  /// Maps a page of zeros where the fault was, and returns.
  TEST_SUPPORT_BUS_REPAIRS,
  /// Leaves by longjmp(3), which does not restore the mask.
  TEST_SUPPORT_BUS_JUMPS,
};

/// Installs the handler with a letter from 'A' to 'D'; again if it is installed already, as an
/// application may whose parts do not know of each other. With `blocks`, its mask is that one signal.
void test_support_bus_install(
    char letter, enum test_support_bus_behaviour behaviour, int flags, int blocks);

/// What was blocked when a handler ran last, a bit for each signal from 1 on.
uint64_t test_support_bus_mask(void);

/// What this thread blocks now.
uint64_t test_support_blocked_signals(void);

/// Installs SIG_DFL or SIG_IGN with flags.
void test_support_bus_set(bool ignores, int flags);

/// The first page of a mapping of a file that has been cut short: each access is a SIGBUS.
unsigned char *_Nonnull test_support_bus_page(void);

/// Writes to a page. True if a handler that jumps has left the write.
bool test_support_bus_jumps(unsigned char *_Nonnull page);

/// Sends SIGBUS to this thread while it is blocked, and waits for it by sigsuspend(2).
void test_support_bus_suspend(void);

/// Sends SIGBUS to this thread as the kernel does for memory that has failed: at an access, or because it
/// was found so.
void test_support_bus_fail_memory(void *_Nonnull address, bool at_access);

/// Sends SIGPROF to every thread of the process, again and again, as a profiler does.
void test_support_profile_begin(void);
void test_support_profile_end(void);

/// How many of these signals have arrived.
uint64_t test_support_profile_count(void);

/// Installs a second copy of the library's handler. Returns 0 or a negated errno.
int test_support_bus_install_second_copy(void);

#endif
