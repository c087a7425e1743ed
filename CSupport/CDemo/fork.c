#include "cdemo_fork.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cuserfault_memory.h"

int cdemo_time_fork(uint64_t *nanoseconds) {
  uint64_t start = cuserfault_nanoseconds();
  pid_t child = fork();
  if (child == 0) _exit(0);
  *nanoseconds = cuserfault_nanoseconds() - start;
  if (child < 0) return -errno;
  while (waitpid(child, NULL, 0) < 0) {
    if (errno != EINTR) return -errno;
  }
  return 0;
}
