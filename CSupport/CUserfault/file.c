#include "cuserfault_system.h"

#include "no_cancellation.h"

#include <errno.h>
#include <sys/sysinfo.h>

void cuserfault_close(int descriptor) { close_file(descriptor); }

int64_t cuserfault_read_file(const char *path, void *buffer, size_t capacity) {
  int file = open_to_read(path);
  if (file < 0) return -errno;
  size_t count = 0;
  int64_t status = 0;
  do {
    status = read_some(file, (char *)buffer + count, capacity - count);
    if (status > 0) count += (size_t)status;
  } while ((status > 0 && count < capacity) || (status < 0 && errno == EINTR));
  if (status < 0) status = -errno;
  close_file(file);
  return status < 0 ? status : (int64_t)count;
}

uint64_t cuserfault_free_swap(void) {
  struct sysinfo information;
  if (sysinfo(&information) != 0) return 0;
  return (uint64_t)information.freeswap * information.mem_unit;
}
