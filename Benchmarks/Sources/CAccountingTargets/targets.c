#define _GNU_SOURCE
#include "caccounting_targets.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const uint64_t huge_page = 2 << 20;

static void dirty(char *memory, uint64_t bytes) {
  for (uint64_t offset = 0; offset < bytes; offset += 4096) memory[offset] = 1;
}

static char *populate(uint64_t bytes, int huge) {
  char *memory = mmap(NULL, bytes + huge_page, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) _exit(1);
  memory = (char *)(((uintptr_t)memory + huge_page - 1) & ~(huge_page - 1));
  madvise(memory, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  dirty(memory, bytes);
  return memory;
}

static void wait_for_end(int control) {
  char byte;
  while (read(control, &byte, 1) < 0 && errno == EINTR) {
  }
  _exit(0);
}

/// Forks; in the child, which ends with the descriptor `*control`, `target->pid` is 0.
static int start(struct caccounting_target *target, int *control, int *done) {
  int end[2], ready[2];
  if (pipe2(end, O_CLOEXEC) != 0 || pipe2(ready, O_CLOEXEC) != 0) return -errno;
  target->pid = fork();
  if (target->pid < 0) return -errno;
  if (target->pid == 0) {
    prctl(PR_SET_NAME, CACCOUNTING_NAME);
    close(end[1]);
    *control = end[0];
    *done = ready[1];
    return 0;
  }
  close(end[0]);
  close(ready[1]);
  target->control = end[1];
  char byte;
  ssize_t count = read(ready[0], &byte, 1);
  close(ready[0]);
  return count == 1 ? 0 : -EPIPE;
}

int caccounting_start_tree(uint64_t bytes, int huge, int children, int dirty_children, uid_t user,
                           struct caccounting_target *target) {
  int control = -1, done = -1;
  target->counters = NULL;
  int result = start(target, &control, &done);
  if (result != 0 || target->pid != 0) return result;
  if (user != 0) {
    if (setgroups(0, NULL) != 0 || setgid(user) != 0 || setuid(user) != 0) _exit(1);
    prctl(PR_SET_DUMPABLE, 1);
  }
  char *memory = populate(bytes, huge);
  for (int index = 0; index < children; index++) {
    int ready[2];
    if (pipe(ready) != 0) _exit(1);
    pid_t child = fork();
    if (child < 0) _exit(1);
    if (child == 0) {
      if (index < dirty_children) dirty(memory, bytes / 2);
      if (write(ready[1], "", 1) != 1) _exit(1);
      wait_for_end(control);
    }
    char byte;
    if (read(ready[0], &byte, 1) != 1) _exit(1);
    close(ready[0]);
    close(ready[1]);
  }
  signal(SIGCHLD, SIG_IGN);
  if (write(done, "", 1) != 1) _exit(1);
  wait_for_end(control);
  return 0;
}

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

int caccounting_start_busy(uint64_t bytes, struct caccounting_target *target) {
  target->counters = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (target->counters == MAP_FAILED) return -errno;
  int control = -1, done = -1;
  int result = start(target, &control, &done);
  if (result != 0 || target->pid != 0) return result;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  populate(bytes, 0);
  if (write(done, "", 1) != 1) _exit(1);
  for (;;) {
    uint64_t start = now();
    char *memory =
        mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) _exit(1);
    dirty(memory, 16384);
    munmap(memory, 16384);
    uint64_t taken = now() - start;
    target->counters->nanoseconds += taken;
    if (taken > target->counters->worst) target->counters->worst = taken;
    target->counters->operations += 1;
  }
}

void caccounting_stop(struct caccounting_target *target) {
  close(target->control);
  if (target->counters) {
    kill(target->pid, SIGKILL);
    munmap(target->counters, 4096);
  }
  waitpid(target->pid, NULL, 0);
}

void caccounting_counts(const struct caccounting_target *target, uint64_t *operations,
                        uint64_t *nanoseconds) {
  *operations = target->counters->operations;
  *nanoseconds = target->counters->nanoseconds;
}

uint64_t caccounting_take_worst(const struct caccounting_target *target) {
  return atomic_exchange(&target->counters->worst, 0);
}

int64_t caccounting_read_pagemap(pid_t pid) {
  static char block[1 << 16];
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/pagemap", pid);
  int pagemap = open(path, O_RDONLY | O_CLOEXEC);
  if (pagemap < 0) return -errno;
  snprintf(path, sizeof path, "/proc/%d/maps", pid);
  FILE *maps = fopen(path, "re");
  if (!maps) return -errno;
  char *line = NULL;
  size_t capacity = 0;
  int64_t total = 0;
  while (getline(&line, &capacity, maps) > 0) {
    uint64_t start, end;
    if (sscanf(line, "%" SCNx64 "-%" SCNx64, &start, &end) != 2 || strstr(line, "[vsyscall]")) {
      continue;
    }
    for (uint64_t offset = start / 4096 * 8; offset < end / 4096 * 8;) {
      uint64_t left = end / 4096 * 8 - offset;
      ssize_t count = pread(pagemap, block, left < sizeof block ? left : sizeof block,
                            (off_t)offset);
      if (count <= 0) break;
      offset += (uint64_t)count;
      total += count;
    }
  }
  free(line);
  fclose(maps);
  close(pagemap);
  return total;
}

static int64_t read_all(pid_t pid, const char *name) {
  static char block[1 << 16];
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return -errno;
  int64_t total = 0;
  for (ssize_t count; (count = read(file, block, sizeof block)) > 0;) total += count;
  close(file);
  return total;
}

int64_t caccounting_read_smaps(pid_t pid) { return read_all(pid, "smaps"); }

int64_t caccounting_read_rollup(pid_t pid) { return read_all(pid, "smaps_rollup"); }

int caccounting_act_as(uid_t user) {
  if (user != 0) {
    if (setegid(user) != 0 || seteuid(user) != 0) return -errno;
    // A change of user hides /proc/self from the process itself.
    prctl(PR_SET_DUMPABLE, 1);
  } else if (seteuid(0) != 0 || setegid(0) != 0) {
    return -errno;
  }
  return 0;
}
