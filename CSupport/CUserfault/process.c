#define _GNU_SOURCE
#include "cuserfault_process.h"

#include <errno.h>
#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

int cuserfault_compare_address_spaces(pid_t left, pid_t right, int *order) {
  long result = syscall(SYS_kcmp, left, right, KCMP_VM, 0UL, 0UL);
  if (result < 0) return -errno;
  *order = (int)result;
  return 0;
}

uint32_t cuserfault_thread_id(void) {
  return (uint32_t)syscall(SYS_gettid);
}

int cuserfault_compare_descriptors(uint32_t thread) {
  long result = syscall(SYS_kcmp, syscall(SYS_gettid), (pid_t)thread, KCMP_FILES, 0UL, 0UL);
  return result < 0 ? -errno : (int)result;
}

int cuserfault_fork(pid_t *child) {
  pid_t pid = fork();
  if (pid < 0) return -errno;
  *child = pid;
  return 0;
}
