#define _GNU_SOURCE
#include "bus_signals.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct {
  enum test_support_bus_behaviour behaviour;
  struct sigaction before;
} handlers[4];
static uint64_t mask_seen;
static jmp_buf way_out;
/// The page that is nobody's.
static const unsigned char *foreign;

static uint64_t bits(const sigset_t *set) {
  uint64_t bits = 0;
  for (int signal = 1; signal <= 64; signal++) {
    if (sigismember(set, signal) == 1) bits |= UINT64_C(1) << (signal - 1);
  }
  return bits;
}

uint64_t test_support_blocked_signals(void) {
  sigset_t set;
  pthread_sigmask(SIG_BLOCK, NULL, &set);
  return bits(&set);
}

static void chain(const struct sigaction *before, int signal, siginfo_t *information, void *context) {
  if (before->sa_flags & SA_SIGINFO) {
    before->sa_sigaction(signal, information, context);
  } else if (before->sa_handler == SIG_DFL) {
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigaction(signal, &action, NULL);
  } else if (before->sa_handler != SIG_IGN) {
    before->sa_handler(signal);
  }
}

static void run(int index, int signal, siginfo_t *information, void *context) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  const unsigned char *address = information->si_addr;
  // One that is installed later is asked about all that the library resolves, too.
  if (information->si_code <= 0 || (address >= foreign && address < foreign + page)) {
    mask_seen = test_support_blocked_signals();
    const char letter = (char)('A' + index);
    if (write(STDOUT_FILENO, &letter, 1) != 1) _exit(3);
  }
  switch (handlers[index].behaviour) {
    case TEST_SUPPORT_BUS_CHAINS:
      chain(&handlers[index].before, signal, information, context);
      break;
    case TEST_SUPPORT_BUS_REPAIRS:
      mmap((void *)((uintptr_t)information->si_addr & ~(page - 1)), page, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
      break;
    case TEST_SUPPORT_BUS_JUMPS:
      longjmp(way_out, 1);
  }
}

#define HANDLER(INDEX)                                                                 \
  static void handler_##INDEX(int signal, siginfo_t *information, void *context) {     \
    run(INDEX, signal, information, context);                                          \
  }
HANDLER(0)
HANDLER(1)
HANDLER(2)
HANDLER(3)

void test_support_bus_install(
    char letter, enum test_support_bus_behaviour behaviour, int flags, int blocks) {
  static void (*const functions[])(int, siginfo_t *, void *) = {
      handler_0, handler_1, handler_2, handler_3};
  int index = letter - 'A';
  if (index < 0 || index > 3) abort();
  struct sigaction action = {.sa_sigaction = functions[index], .sa_flags = flags | SA_SIGINFO};
  if (blocks != 0) sigaddset(&action.sa_mask, blocks);
  handlers[index].behaviour = behaviour;
  sigaction(SIGBUS, &action, &handlers[index].before);
}

uint64_t test_support_bus_mask(void) { return mask_seen; }

void test_support_bus_set(bool ignores, int flags) {
  struct sigaction action = {.sa_handler = ignores ? SIG_IGN : SIG_DFL, .sa_flags = flags};
  sigaction(SIGBUS, &action, NULL);
}

unsigned char *test_support_bus_page(void) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  int file = memfd_create("cut short", MFD_CLOEXEC);
  if (file < 0 || ftruncate(file, (off_t)page) < 0) abort();
  void *memory = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED || ftruncate(file, 0) < 0) abort();
  close(file);
  foreign = memory;
  return memory;
}

bool test_support_bus_jumps(unsigned char *page) {
  if (setjmp(way_out) != 0) return true;
  *(volatile unsigned char *)page = 1;
  return false;
}

void test_support_bus_suspend(void) {
  sigset_t bus, open;
  sigemptyset(&bus);
  sigaddset(&bus, SIGBUS);
  pthread_sigmask(SIG_BLOCK, &bus, &open);
  raise(SIGBUS);
  sigdelset(&open, SIGBUS);
  sigsuspend(&open);
}

void test_support_bus_fail_memory(void *address, bool at_access) {
  siginfo_t information = {.si_signo = SIGBUS, .si_addr = address};
  information.si_code = at_access ? BUS_MCEERR_AR : BUS_MCEERR_AO;
  long status = syscall(
      SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), SIGBUS, &information);
  if (status < 0) abort();
}

static _Atomic uint64_t profile_count;

static _Atomic bool is_profiling;
static pthread_t profiler;

static void count_profile(int signal) {
  (void)signal;
  atomic_fetch_add(&profile_count, 1);
}

static void *profile(void *argument) {
  (void)argument;
  pid_t self = (pid_t)syscall(SYS_gettid);
  while (atomic_load(&is_profiling)) {
    DIR *threads = opendir("/proc/self/task");
    if (threads == NULL) continue;
    for (struct dirent *entry; (entry = readdir(threads)) != NULL;) {
      pid_t thread = (pid_t)atoi(entry->d_name);
      if (thread > 0 && thread != self) syscall(SYS_tgkill, getpid(), thread, SIGPROF);
    }
    closedir(threads);
    sched_yield();
  }
  return NULL;
}

void test_support_profile_begin(void) {
  struct sigaction action = {.sa_handler = count_profile, .sa_flags = SA_RESTART};
  sigaction(SIGPROF, &action, NULL);
  atomic_store(&is_profiling, true);
  if (pthread_create(&profiler, NULL, profile, NULL) != 0) abort();
}

void test_support_profile_end(void) {
  atomic_store(&is_profiling, false);
  pthread_join(profiler, NULL);
}

uint64_t test_support_profile_count(void) { return atomic_load(&profile_count); }
