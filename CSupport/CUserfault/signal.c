#define _GNU_SOURCE
#include "cuserfault_signal.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

static _Atomic(cuserfault_resolver) installed_resolver;
static void *_Atomic installed_context;
static struct sigaction previous;

static void forward(int signal, siginfo_t *information, void *thread_context) {
  if (previous.sa_flags & SA_SIGINFO) {
    previous.sa_sigaction(signal, information, thread_context);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(signal);
  } else {
    // The access is repeated when we return, and has its default effect then.
    struct sigaction default_action = {.sa_handler = SIG_DFL};
    sigaction(signal, &default_action, NULL);
    if (information->si_code <= 0) raise(signal);  // Sent by a process: nothing is repeated.
  }
}

/// The fault of this thread that was not ours. In the thread's own block of memory from its start:
/// a signal handler must not cause it to be allocated.
static _Thread_local struct {
  uint64_t address, state_of_ranges;
} foreign __attribute__((tls_model("initial-exec")));

/// Whether a fault that is not ours comes from what the ranges are now, not from what they were.
static bool is_repeated(uint64_t address, uint64_t state_of_ranges) {
  if (foreign.address == address && foreign.state_of_ranges == state_of_ranges) return true;
  foreign.address = address;
  foreign.state_of_ranges = state_of_ranges;
  return false;
}

static void trampoline(int signal, siginfo_t *information, void *thread_context) {
  int saved_errno = errno;
  cuserfault_resolver resolver = atomic_load_explicit(&installed_resolver, memory_order_acquire);
  void *context = atomic_load_explicit(&installed_context, memory_order_acquire);
  bool is_foreign = true;
  if (information->si_code == BUS_ADRERR && resolver != NULL) {
    uint64_t address = (uint64_t)(uintptr_t)information->si_addr;
    uint64_t state_of_ranges = resolver(context, address);
    is_foreign = state_of_ranges != 0 && is_repeated(address, state_of_ranges);
  }
  errno = saved_errno;
  if (is_foreign) forward(signal, information, thread_context);
}

int cuserfault_install_resolver(cuserfault_resolver resolver, void *context) {
  struct sigaction current;
  if (sigaction(SIGBUS, NULL, &current) < 0) return -errno;
  atomic_store_explicit(&installed_context, context, memory_order_release);
  atomic_store_explicit(&installed_resolver, resolver, memory_order_release);
  if ((current.sa_flags & SA_SIGINFO) && current.sa_sigaction == trampoline) return 0;
  previous = current;
  // SA_ONSTACK: a thread whose own stack is small or used up has another one for its signals.
  struct sigaction action = {.sa_sigaction = trampoline, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigfillset(&action.sa_mask);
  const int own_faults[] = {SIGSEGV, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS};
  for (size_t i = 0; i < sizeof own_faults / sizeof *own_faults; i++)
    sigdelset(&action.sa_mask, own_faults[i]);
  return sigaction(SIGBUS, &action, NULL) < 0 ? -errno : 0;
}
