#define _GNU_SOURCE
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define USERFAULTFD_NEW 0xAA00u

int test_support_deny_userfaultfd(int error) {
  struct sock_filter code[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_userfaultfd, 3, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, USERFAULTFD_NEW, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ((unsigned)error & SECCOMP_RET_DATA)),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -errno;
  long status =
      syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
  return status < 0 ? -errno : 0;
}

static int make_namespace(void) {
  if (unshare(CLONE_NEWNS) < 0) return -errno;
  return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ? -errno : 0;
}

int test_support_hide_devices(void) {
  int status = make_namespace();
  if (status < 0) return status;
  return mount("none", "/dev", "tmpfs", 0, "size=64k") < 0 ? -errno : 0;
}

int test_support_mount_small_disk(char *path, size_t byte_count) {
  int status = make_namespace();
  if (status < 0) return status;
  strcpy(path, "/tmp/small-disk-XXXXXX");
  if (mkdtemp(path) == NULL) return -errno;
  char options[64];
  snprintf(options, sizeof options, "size=%zu", byte_count);
  return mount("none", path, "tmpfs", 0, options) < 0 ? -errno : 0;
}

long test_support_process_vm_write(void *destination, const void *source, size_t count) {
  struct iovec from = {(void *)source, count}, to = {destination, count};
  ssize_t written = process_vm_writev(getpid(), &from, 1, &to, 1, 0);
  return written < 0 ? -errno : written;
}

int test_support_open_direct(const char *path) {
  int file = open(path, O_RDONLY | O_CLOEXEC | O_DIRECT);
  if (file < 0) file = open(path, O_RDONLY | O_CLOEXEC);
  return file < 0 ? -errno : file;
}

int test_support_forbid_threads(void) {
  struct rlimit limit = {0, 0};
  return setrlimit(RLIMIT_NPROC, &limit) < 0 ? -errno : 0;
}

int test_support_ptrace_write(uint64_t *destination, uint64_t value) {
  pid_t thread = (pid_t)syscall(SYS_gettid);
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
  pid_t child = fork();
  if (child < 0) return -errno;
  if (child == 0) {
    if (ptrace(PTRACE_ATTACH, thread, NULL, NULL) < 0) _exit(errno);
    int status;
    while (waitpid(thread, &status, __WALL) < 0) {
      if (errno != EINTR) _exit(errno);
    }
    long done = ptrace(PTRACE_POKEDATA, thread, destination, (void *)value);
    int error = done < 0 ? errno : 0;
    ptrace(PTRACE_DETACH, thread, NULL, NULL);
    _exit(error);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return -errno;
  }
  return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

int test_support_vfork(int status) {
  // vfork(2) itself: what it shares with its child is what is tested.
  pid_t child = (pid_t)syscall(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);
  if (child == 0) _exit(status);
  if (child < 0) return -errno;
  int result = 0;
  if (waitpid(child, &result, 0) < 0) return -errno;
  return WIFEXITED(result) ? WEXITSTATUS(result) : -EINTR;
}

int test_support_handshake(int descriptor, uint64_t version) {
  struct uffdio_api api = {.api = version};
  return ioctl(descriptor, UFFDIO_API, &api) < 0 ? -errno : 0;
}

int test_support_close_range(unsigned first, unsigned last) {
  return syscall(SYS_close_range, first, last, 0) < 0 ? -errno : 0;
}

int test_support_fork_and_close_range(void) {
  pid_t child = fork();
  if (child < 0) return -errno;
  if (child == 0) _exit(test_support_close_range(3, ~0u) == 0 ? 0 : 1);
  int status = 0;
  if (waitpid(child, &status, 0) < 0) return -errno;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

int test_support_stop_and_continue(void) {
  pid_t parent = getpid();
  pid_t child = fork();
  if (child < 0) return -errno;
  if (child == 0) {
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", parent);
    for (;;) {
      int file = open(path, O_RDONLY);
      if (file < 0) _exit(1);
      ssize_t count = read(file, text, sizeof text - 1);
      close(file);
      text[count < 0 ? 0 : count] = 0;
      const char *state = strrchr(text, ')');
      if (state != NULL && state[1] != 0 && state[2] == 'T') break;
      sched_yield();
    }
    kill(parent, SIGCONT);
    _exit(0);
  }
  raise(SIGSTOP);
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return -errno;
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EINTR;
}

static unsigned char *signal_pages;
static size_t signal_page_size, signal_page_count;
static _Atomic uint64_t signal_count;

static void write_to_page(int signal) {
  (void)signal;
  uint64_t count = atomic_fetch_add(&signal_count, 1) + 1;
  *(volatile uint64_t *)(signal_pages + count % signal_page_count * signal_page_size) = count;
}

int test_support_write_from_signals(
    void *pages, size_t page_size, size_t page_count, long microseconds) {
  if (pages != NULL) {
    signal_pages = pages;
    signal_page_size = page_size;
    signal_page_count = page_count;
    struct sigaction action = {.sa_handler = write_to_page, .sa_flags = SA_RESTART};
    if (sigaction(SIGALRM, &action, NULL) < 0) return -errno;
  } else if (signal(SIGALRM, SIG_IGN) == SIG_ERR) {  // One may be pending still.
    return -errno;
  }
  struct itimerval timer = {{0, microseconds}, {0, microseconds}};
  return setitimer(ITIMER_REAL, &timer, NULL) < 0 ? -errno : 0;
}

uint64_t test_support_signal_count(void) { return atomic_load(&signal_count); }

void *test_support_move(void *address, size_t count) {
  void *moved = mremap(address, count, count, MREMAP_MAYMOVE);
  if (moved == MAP_FAILED) return NULL;
  void *place = mmap(NULL, count, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (place == MAP_FAILED) return NULL;
  moved = mremap(address, count, count, MREMAP_MAYMOVE | MREMAP_FIXED, place);
  return moved == MAP_FAILED ? NULL : moved;
}

int test_support_merge_everything(bool may_merge) {
  // PR_SET_MEMORY_MERGE (Linux 6.4).
  return prctl(67, may_merge, 0, 0, 0) < 0 ? -errno : 0;
}

int test_support_unshare_descriptors(void) {
  return unshare(CLONE_FILES) < 0 ? -errno : 0;
}

struct cancelled {
  volatile unsigned char *pages;
  size_t page_size, page_count;
  _Atomic unsigned stores;
};

static void *write_until_cancelled(void *argument) {
  struct cancelled *job = argument;
  for (unsigned char value = 0;; value++) {
    for (size_t i = 0; i < job->page_count; i++) {
      job->pages[i * job->page_size] = value;
      job->stores++;
      pthread_testcancel();
    }
  }
}

int test_support_cancel_writer(
    void *pages, size_t page_size, size_t page_count, unsigned stores) {
  struct cancelled job = {pages, page_size, page_count};
  pthread_t thread;
  int error = pthread_create(&thread, NULL, write_until_cancelled, &job);
  if (error != 0) return error;
  while (job.stores < stores) sched_yield();
  pthread_cancel(thread);
  return pthread_join(thread, NULL);
}
