// What a process holds, read from procfs. With system calls alone, because a forked child of a
// process with threads may call nothing that allocates or locks.

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpeers_arena.h"

static size_t read_file(const char *path, char *text, size_t capacity) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return 0;
  size_t length = 0;
  ssize_t count;
  while (length + 1 < capacity &&
         (count = read(descriptor, text + length, capacity - 1 - length)) > 0) {
    length += (size_t)count;
  }
  close(descriptor);
  text[length] = 0;
  return length;
}

// The value of a line such as "Private_Dirty:   1234 kB", in bytes; 0 where there is none.
static size_t field(const char *text, const char *name) {
  const char *line = strstr(text, name);
  return line ? strtoul(line + strlen(name), NULL, 10) * 1024 : 0;
}

size_t cpeers_private_bytes(void) {
  char text[4096];
  read_file("/proc/self/smaps_rollup", text, sizeof text);
  size_t bytes = field(text, "\nPrivate_Clean:") + field(text, "\nPrivate_Dirty:");
  read_file("/proc/self/status", text, sizeof text);
  return bytes + field(text, "\nVmPTE:");
}

size_t cpeers_proportional_bytes(pid_t process) {
  char path[64];
  char text[4096];
  snprintf(path, sizeof path, "/proc/%d/smaps_rollup", process);
  read_file(path, text, sizeof text);
  size_t bytes = field(text, "\nPss:");
  snprintf(path, sizeof path, "/proc/%d/status", process);
  read_file(path, text, sizeof text);
  return bytes + field(text, "\nVmPTE:");
}

size_t cpeers_available_bytes(void) {
  char text[4096];
  read_file("/proc/meminfo", text, sizeof text);
  return field(text, "\nMemAvailable:");
}
