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

int cuserfault_fork(pid_t *child) {
  pid_t pid = fork();
  if (pid < 0) return -errno;
  *child = pid;
  return 0;
}
