#define _GNU_SOURCE
#include "scenario.h"

#include <linux/io_uring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct writer {
  char *memory;
  size_t quarter;
  int commands[2];
  int answers[2];
};

/// Writes to a quarter.
static void write_quarter(struct writer *writer, char quarter) {
  dirty(writer->memory + quarter * writer->quarter * page_size, writer->quarter, 1);
}

/// Does what each byte asks for, until there are no more.
static void obey(struct writer *writer, void (*act)(struct writer *, char)) {
  char command;
  while (read(writer->commands[0], &command, 1) == 1) {
    act(writer, command);
    if (write(writer->answers[1], &command, 1) != 1) _exit(1);
  }
  _exit(0);
}

static void start_writer(struct writer *writer, void (*act)(struct writer *, char)) {
  check(pipe(writer->commands) != 0 || pipe(writer->answers) != 0, "pipe");
  pid_t child = fork();
  check(child < 0, "fork");
  if (child == 0) {
    close(writer->commands[1]);
    obey(writer, act);
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
  start_writer(&writers[0], write_quarter);
  start_writer(&writers[1], write_quarter);
  stage();
  dirty(memory, count / 4, 1);
  stage();
  command(&writers[0], 1);
  stage();
  command(&writers[0], 2);
  command(&writers[1], 2);
}

/// Pins pages for input and output, as long as the process lives.
static void pin(char *memory, size_t size) {
  struct io_uring_params params;
  memset(&params, 0, sizeof params);
  int ring = (int)syscall(SYS_io_uring_setup, 1, &params);
  if (ring < 0) skip("io_uring may not be used here");
  struct iovec buffer = {memory, size};
  if (syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS, &buffer, 1) != 0) {
    skip("io_uring does not register buffers here");
  }
}

struct kept {
  char *memory;
  size_t count;
  int wiped;
};

static void write_beside_kept(void *context) {
  struct kept *kept = context;
  if (kept->wiped) dirty(kept->memory, kept->count, 1);
  dirty(kept->memory + kept->count * page_size, 30, 1);
}

/// kept pinned|wiped PAGES: of memory that is shared with a child, the first PAGES are not: they are pinned,
/// or the child gets none of them and writes there. Of the others, the child writes to 30 and the parent
/// to 20.
void scenario_kept(int argc, char **argv) {
  check(argc < 2, "arguments");
  struct kept kept = {NULL, strtoul(argv[1], NULL, 10), strcmp(argv[0], "wiped") == 0};
  size_t count = kept.count + 100;
  kept.memory = allocate(count * page_size, 0);
  madvise(kept.memory, count * page_size, MADV_NOHUGEPAGE);
  dirty(kept.memory, count, 1);
  if (kept.wiped) {
    check(madvise(kept.memory, kept.count * page_size, MADV_WIPEONFORK) != 0, "madvise");
  } else {
    pin(kept.memory, kept.count * page_size);
  }
  report_range(kept.memory, count * page_size);
  start_child(write_beside_kept, &kept);
  dirty(kept.memory + (kept.count + 30) * page_size, 20, 1);
  stage();
}

/// Writes one byte to a huge page ('w'), or has it split into small pages ('s').
static void act_on_huge_page(struct writer *writer, char command) {
  size_t size = writer->quarter * 4 * page_size;
  if (command == 'w') {
    dirty(writer->memory, 1, 1);
  } else {
    // Done to a part, the kernel splits it; only if nobody else has any of it.
    check(madvise(writer->memory, size / 2, MADV_COLD) != 0, "madvise");
  }
}

/// split new|left: a child writes one byte to a huge page of its own. That is new, as is one of its
/// parent's, who writes one byte there, too; or it is the one that both had, which the parent has left by
/// writing to all of it. In the next stage the huge pages are split.
void scenario_split(int argc, char **argv) {
  check(argc < 1, "arguments");
  int is_new = strcmp(argv[0], "new") == 0;
  size_t count = page_size / 8;
  struct writer writer = {allocate(count * page_size, count * page_size), count / 4, {0}, {0}};
  check(madvise(writer.memory, count * page_size, MADV_HUGEPAGE) != 0, "madvise");
  report_range(writer.memory, count * page_size);
  if (!is_new) dirty(writer.memory, 1, 1);
  unsigned char is_there = 0;
  check(mincore(writer.memory + (count - 1) * page_size, page_size, &is_there) != 0, "mincore");
  if (!is_new && !is_there) skip("the kernel gives no huge pages here");
  if (!is_new) dirty(writer.memory, count, 1);
  start_writer(&writer, act_on_huge_page);
  dirty(writer.memory, is_new ? 1 : count, 1);
  command(&writer, 'w');
  check(mincore(writer.memory + (count - 1) * page_size, page_size, &is_there) != 0, "mincore");
  if (!is_there) skip("the kernel gives no huge pages here");
  stage();
  command(&writer, 's');
  if (is_new) act_on_huge_page(&writer, 's');
  stage();
}
