#define _GNU_SOURCE
#include "cuserfault_merging.h"

#include "no_cancellation.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#ifndef PR_GET_MEMORY_MERGE
#define PR_GET_MEMORY_MERGE 68  // Linux 6.4
#endif

bool cuserfault_merges_everything(void) {
  return prctl(PR_GET_MEMORY_MERGE, 0, 0, 0, 0) == 1;
}

/// Reads a small file as a string. False if it cannot be read.
static bool read_text(const char *path, char *text, size_t capacity) {
  int file = open_to_read(path);
  if (file < 0) return false;
  ssize_t count = read_some(file, text, capacity - 1);
  close_file(file);
  if (count < 0) return false;
  text[count] = 0;
  return true;
}

/// Whether a line `name` of the text says that something is to be merged, or was.
static bool says_so(const char *text, const char *name) {
  const char *line = strstr(text, name);
  if (line == NULL) return false;
  line += strlen(name);
  while (*line == ' ' || *line == ':') line++;
  return *line == 'y' || (*line >= '1' && *line <= '9');
}

bool cuserfault_may_merge(void) {
  char text[512];
  if (read_text("/proc/thread-self/ksm_stat", text, sizeof text)) {
    // Pages that may be merged are listed before any is: kernels without the last two lines
    // (before 6.16) say so in time, too.
    return says_so(text, "ksm_rmap_items") || says_so(text, "ksm_zero_pages")
        || says_so(text, "ksm_merging_pages") || says_so(text, "ksm_merge_any")
        || says_so(text, "ksm_mergeable");
  }
  return read_text("/sys/kernel/mm/ksm/run", text, sizeof text) && text[0] != '0';
}

bool cuserfault_has_merging(void) {
  return access("/sys/kernel/mm/ksm/run", F_OK) == 0 || access("/proc/self/ksm_stat", F_OK) == 0;
}
