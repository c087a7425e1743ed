#define _GNU_SOURCE
#include "cuserfault_signal.h"

#include "cancelling.h"
#include "signal_set.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ  // Linux 5.14
#define MADV_POPULATE_READ 22
#endif

_Static_assert(sizeof(siginfo_t) == 128, "size of siginfo_t");

static const struct sigaction default_action = {.sa_handler = SIG_DFL};
static const struct sigaction ignoring_action = {.sa_handler = SIG_IGN};

static _Atomic(cuserfault_resolver) installed_resolver;
static void *_Atomic installed_context;
/// The action that was in place before ours. What it points to is not written to any more once it is
/// stored here, with release order; whoever loads it acquires.
static const struct sigaction *_Atomic earlier = &default_action;

// MARK: - Passing on what is not ours

/// Whether a signal with this record was passed on before: an earlier handler has called us, as
/// one does that was installed anew after us and calls what it found. Marks the record: the kernel
/// fills its last bytes with zeros for each signal (copy_siginfo_to_user), and no field lies there.
/// Nothing to undo, so an earlier handler that leaves by longjmp(3) does no harm. The mark is of this
/// copy of the library: a process may have several, in plug-ins, that find each other's handler.
static bool was_passed_on(siginfo_t *information) {
  const uint64_t mark = (uint64_t)(uintptr_t)&earlier;
  unsigned char *place = (unsigned char *)(information + 1) - sizeof mark;
  uint64_t found;
  memcpy(&found, place, sizeof found);
  memcpy(place, &mark, sizeof mark);
  return found == mark;
}

/// Whether the signal was sent, by a process or by the kernel without an access that failed: it
/// may be ignored, and nothing is repeated when its handler returns.
static bool is_sent(const siginfo_t *information) {
  return information->si_code <= 0 || information->si_code == BUS_MCEERR_AO;
}

/// Ends the process as the kernel would have: the signal is queued again, as it was, and has its
/// default effect when all handlers have returned, before the access is repeated.
static void take_default_action(int signal, siginfo_t *information, ucontext_t *interrupted) {
  sigaction(signal, &default_action, NULL);
  // A thread in sigsuspend(2) goes back to a mask that may block it.
  sigdelset(&interrupted->uc_sigmask, signal);
  long status = syscall(
      SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), signal, information);
  if (status < 0) raise(signal);
}

/// The mask that the kernel would have given to a handler with this action, were it not for ours.
static void make_handler_mask(
    sigset_t *mask, int signal, const struct sigaction *action, const ucontext_t *interrupted) {
  sigemptyset(mask);
  // The kernel stores as many bytes as it has signals; the C library's set is larger.
  memcpy(mask, &interrupted->uc_sigmask, (_NSIG - 1) / 8);
  sigorset(mask, mask, &action->sa_mask);
  if (!(action->sa_flags & SA_NODEFER)) sigaddset(mask, signal);
}

/// Whether a signal that our action blocks is open: then it is not the kernel that has called us but
/// a handler that was installed later, with a mask of its own.
static bool is_called_by_handler(const sigset_t *current) {
  sigset_t ours;
  fill_with_put_off_signals(&ours);
  for (int signal = 1; signal < _NSIG; signal++) {
    // SIGKILL and SIGSTOP cannot be blocked, nor can the C library's own two.
    if (signal == SIGKILL || signal == SIGSTOP || (signal >= 32 && signal < SIGRTMIN)) continue;
    if (sigismember(&ours, signal) == 1 && sigismember(current, signal) != 1) return true;
  }
  return false;
}

static void call(const struct sigaction *action, int signal, siginfo_t *information,
                 ucontext_t *interrupted) {
  sigset_t current, mask;
  pthread_sigmask(SIG_BLOCK, NULL, &current);
  if (!is_called_by_handler(&current)) {
    make_handler_mask(&mask, signal, action, interrupted);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
  }
  if (action->sa_flags & SA_SIGINFO) {
    action->sa_sigaction(signal, information, interrupted);
  } else {
    action->sa_handler(signal);
  }
  // For a later handler that has called us with as large a mask as ours.
  int saved_errno = errno;
  pthread_sigmask(SIG_SETMASK, &current, NULL);
  errno = saved_errno;
}

static void forward(int signal, siginfo_t *information, ucontext_t *interrupted) {
  const struct sigaction *action = atomic_load_explicit(&earlier, memory_order_acquire);
  if (was_passed_on(information)) action = &default_action;
  // As by the kernel, one signal alone gets a handler that is to be reset.
  while ((action->sa_flags & SA_RESETHAND)
         && !atomic_compare_exchange_weak_explicit(
             &earlier, &action, &default_action, memory_order_acq_rel, memory_order_acquire)) {
  }
  if (action->sa_handler == SIG_IGN && is_sent(information)) return;
  if (action->sa_handler == SIG_DFL || action->sa_handler == SIG_IGN) {
    take_default_action(signal, information, interrupted);
  } else {
    call(action, signal, information, interrupted);
  }
}

// MARK: - Telling apart

/// The fault of this thread that was not ours. In the thread's own block of memory from its start:
/// a signal handler must not cause it to be allocated.
static _Thread_local struct {
  uint64_t address, state_of_ranges;
} foreign __attribute__((tls_model("initial-exec")));

/// Whether a fault that is not ours comes from what the ranges are now, not from what they were when
/// it was taken. An access that the kernel says would fail again need not be repeated to know that.
static bool is_foreign(uint64_t address, uint64_t state_of_ranges) {
  uintptr_t page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
  void *page = (void *)((uintptr_t)address & ~(page_size - 1));
  if (madvise(page, page_size, MADV_POPULATE_READ) < 0 && errno == EFAULT) return true;
  if (foreign.address == address && foreign.state_of_ranges == state_of_ranges) return true;
  foreign.address = address;
  foreign.state_of_ranges = state_of_ranges;
  return false;
}

static bool is_ours(const siginfo_t *information) {
  cuserfault_resolver resolver = atomic_load_explicit(&installed_resolver, memory_order_acquire);
  void *context = atomic_load_explicit(&installed_context, memory_order_acquire);
  // Not BUS_MCEERR_AR and BUS_MCEERR_AO either: memory that has failed cannot be copied.
  if (information->si_code != BUS_ADRERR || resolver == NULL) return false;
  int saved_errno = errno;
  // A thread that is cancelled at any moment (PTHREAD_CANCEL_ASYNCHRONOUS), or when it next opens or
  // reads a file, as the resolver may, would leave claims and the gate held for ever.
  struct cancelling cancelling;
  stop_cancelling(&cancelling);
  uint64_t address = (uint64_t)(uintptr_t)information->si_addr;
  uint64_t state_of_ranges = resolver(context, address);
  bool is_ours = state_of_ranges == 0 || !is_foreign(address, state_of_ranges);
  resume_cancelling(&cancelling);
  errno = saved_errno;
  return is_ours;
}

static void trampoline(int signal, siginfo_t *information, void *thread_context) {
  if (!is_ours(information)) forward(signal, information, thread_context);
}

// MARK: - Installing

/// Whether our action has been in place. A forked child inherits both.
static bool was_installed;

int cuserfault_install_resolver(cuserfault_resolver resolver, void *context) {
  static struct sigaction found;
  atomic_store_explicit(&installed_context, context, memory_order_release);
  atomic_store_explicit(&installed_resolver, resolver, memory_order_release);
  struct sigaction current;
  if (sigaction(SIGBUS, NULL, &current) < 0) return -errno;
  bool has_handler = current.sa_handler != SIG_DFL && current.sa_handler != SIG_IGN;
  if (has_handler && current.sa_sigaction == trampoline) was_installed = true;
  // A handler that came after ours may call it. Were ours to call that one, they would never end.
  if (was_installed && has_handler) return 0;
  const struct sigaction *before =
      current.sa_handler == SIG_IGN ? &ignoring_action : &default_action;
  if (has_handler) {
    // Not published before: written once.
    found = current;
    before = &found;
  }
  atomic_store_explicit(&earlier, before, memory_order_release);
  // SA_ONSTACK: a thread whose own stack is small or used up has another one for its signals.
  struct sigaction action = {.sa_sigaction = trampoline, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  // What a signal that is passed on does to the system call that it interrupts.
  if ((current.sa_flags & SA_RESTART) || current.sa_handler == SIG_IGN)
    action.sa_flags |= SA_RESTART;
  fill_with_put_off_signals(&action.sa_mask);
  if (sigaction(SIGBUS, &action, NULL) < 0) return -errno;
  was_installed = true;
  return 0;
}
