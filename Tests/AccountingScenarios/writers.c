#define _GNU_SOURCE
#include "scenario.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct writer {
  char *memory;
  size_t quarter;
  int commands[2];
  int answers[2];
};

/// Writes to the quarter that each byte names, until there are no more.
static void obey(struct writer *writer) {
  char quarter;
  while (read(writer->commands[0], &quarter, 1) == 1) {
    dirty(writer->memory + quarter * writer->quarter * page_size, writer->quarter, 1);
    if (write(writer->answers[1], &quarter, 1) != 1) _exit(1);
  }
  _exit(0);
}

static void start_writer(struct writer *writer) {
  check(pipe(writer->commands) != 0 || pipe(writer->answers) != 0, "pipe");
  pid_t child = fork();
  check(child < 0, "fork");
  if (child == 0) {
    close(writer->commands[1]);
    obey(writer);
  }
  close(writer->commands[0]);
  close(writer->answers[1]);
  report("child %d", child);
}

static void command(struct writer *writer, char quarter) {
  check(write(writer->commands[1], &quarter, 1) != 1, "command");
  check(read(writer->answers[0], &quarter, 1) != 1, "answer");
}

/// writers PAGES: two children share memory. Stage by stage the parent writes to the first quarter, the
/// first child to the second, and both children to the third.
void scenario_writers(int argc, char **argv) {
  check(argc < 1, "arguments");
  size_t count = strtoul(argv[0], NULL, 10);
  char *memory = allocate(count * page_size, 0);
  madvise(memory, count * page_size, MADV_NOHUGEPAGE);
  dirty(memory, count, 1);
  report_range(memory, count * page_size);
  struct writer writers[2] = {{memory, count / 4, {0}, {0}}, {memory, count / 4, {0}, {0}}};
  start_writer(&writers[0]);
  start_writer(&writers[1]);
  stage();
  dirty(memory, count / 4, 1);
  stage();
  command(&writers[0], 1);
  stage();
  command(&writers[0], 2);
  command(&writers[1], 2);
}
