#include "cpeers_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cpeers_arena.h"
#include "cpeers_latencies.h"

static int save(const char *base, size_t byte_count, int descriptor) {
  const size_t chunk_size = (size_t)1 << 20;
  for (size_t offset = 0; offset < byte_count; offset += chunk_size) {
    size_t length = offset + chunk_size < byte_count ? chunk_size : byte_count - offset;
    ssize_t written = pwrite(descriptor, base + offset, length, (off_t)offset);
    if (written != (ssize_t)length) return written < 0 ? errno : EIO;
  }
  return 0;
}

// Runs in the child, where only functions that are safe in a signal handler may be called.
_Noreturn static void live(int lifeline, int report, const void *base, size_t byte_count,
                           int descriptor) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (base) {
    uint64_t began = cpeers_now();
    cpeers_save_report result = {.error = save(base, byte_count, descriptor)};
    result.nanoseconds = cpeers_now() - began;
    result.extra_bytes = cpeers_private_bytes();
    if (write(report, &result, sizeof result) != sizeof result) _exit(1);
  }
  char byte;
  while (read(lifeline, &byte, 1) < 0 && errno == EINTR) continue;
  _exit(0);
}

static int start(cpeers_child *child, const void *base, size_t byte_count, int descriptor) {
  int lifeline[2];
  int report[2];
  if (pipe2(lifeline, O_CLOEXEC) != 0) return -1;
  if (pipe2(report, O_CLOEXEC) != 0) {
    close(lifeline[0]);
    close(lifeline[1]);
    return -1;
  }
  uint64_t began = cpeers_now();
  pid_t process = fork();
  if (process == 0) {
    close(lifeline[1]);
    close(report[0]);
    live(lifeline[0], report[1], base, byte_count, descriptor);
  }
  child->fork_nanoseconds = cpeers_now() - began;
  child->process = process;
  child->lifeline = lifeline[1];
  child->report = report[0];
  close(lifeline[0]);
  close(report[1]);
  if (process > 0) return 0;
  int error = errno;
  close(lifeline[1]);
  close(report[0]);
  errno = error;
  return -1;
}

int cpeers_child_fork(cpeers_child *child) { return start(child, NULL, 0, -1); }

int cpeers_child_fork_and_save(cpeers_child *child, const void *base, size_t byte_count,
                               int descriptor) {
  return start(child, base, byte_count, descriptor);
}

int cpeers_child_wait_for_save(const cpeers_child *child, cpeers_save_report *report) {
  ssize_t length;
  do {
    length = read(child->report, report, sizeof *report);
  } while (length < 0 && errno == EINTR);
  if (length == sizeof *report) return 0;
  if (length >= 0) errno = ECHILD;
  return -1;
}

void cpeers_child_end(const cpeers_child *child) {
  // Closing the pipe does not do: children that were forked later hold its writing end too.
  while (write(child->lifeline, "", 1) < 0 && errno == EINTR) continue;
  close(child->lifeline);
  close(child->report);
  while (waitpid(child->process, NULL, 0) < 0 && errno == EINTR) continue;
}
