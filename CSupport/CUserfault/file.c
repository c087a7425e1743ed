#include "cuserfault_system.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sysinfo.h>
#include <unistd.h>

int64_t cuserfault_read_file(const char *path, void *buffer, size_t capacity) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return -errno;
  size_t count = 0;
  int64_t status = 0;
  do {
    status = read(file, (char *)buffer + count, capacity - count);
    if (status > 0) count += (size_t)status;
  } while ((status > 0 && count < capacity) || (status < 0 && errno == EINTR));
  if (status < 0) status = -errno;
  close(file);
  return status < 0 ? status : (int64_t)count;
}

uint64_t cuserfault_free_swap(void) {
  struct sysinfo information;
  if (sysinfo(&information) != 0) return 0;
  return (uint64_t)information.freeswap * information.mem_unit;
}
