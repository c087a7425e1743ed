#define _GNU_SOURCE
#include "scenario.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct pages {
  char *memory;
  size_t count;
  size_t step;
};

static void dirty_pages(void *context) {
  struct pages *pages = context;
  dirty(pages->memory, pages->count, pages->step);
}

/// fork PAGES CHILDREN DIRTY-CHILDREN DIRTY-PAGES: the first children write to the first pages.
void scenario_fork(int argc, char **argv) {
  check(argc < 4, "arguments");
  size_t count = strtoul(argv[0], NULL, 10);
  int child_count = atoi(argv[1]), dirty_children = atoi(argv[2]);
  struct pages pages = {allocate(count * page_size, 0), strtoul(argv[3], NULL, 10), 1};
  madvise(pages.memory, count * page_size, MADV_NOHUGEPAGE);
  dirty(pages.memory, count, 1);
  report_range(pages.memory, count * page_size);
  for (int index = 0; index < child_count; index++) {
    start_child(index < dirty_children ? dirty_pages : NULL, &pages);
  }
}

/// sparse PAGES STEP FOLIO-BYTES: memory in large folios, of which a child writes every STEPth page;
/// then the child goes.
void scenario_sparse(int argc, char **argv) {
  check(argc < 3, "arguments");
  size_t count = strtoul(argv[0], NULL, 10), folio = strtoul(argv[2], NULL, 10);
  struct pages pages = {allocate(count * page_size, folio), count, strtoul(argv[1], NULL, 10)};
  check(madvise(pages.memory, count * page_size, MADV_HUGEPAGE) != 0, "madvise");
  dirty(pages.memory, count, 1);
  report_range(pages.memory, count * page_size);
  pid_t child = start_child(dirty_pages, &pages);
  stage();
  end_child(child);
}

static char *clone_memory;
static int clone_done;

static int cloned(void *context) {
  (void)context;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dirty(clone_memory, 16, 1);
  if (write(clone_done, "", 1) != 1) return 1;
  sleep_for_ever();
}

/// clone PAGES: two processes in one address space, and a child forked from it.
void scenario_clone(int argc, char **argv) {
  check(argc < 1, "arguments");
  size_t count = strtoul(argv[0], NULL, 10);
  clone_memory = allocate(count * page_size, 0);
  dirty(clone_memory, count, 1);
  report_range(clone_memory, count * page_size);
  start_child(NULL, NULL);
  int done[2];
  check(pipe(done) != 0, "pipe");
  clone_done = done[1];
  char *stack = allocate(1 << 16, 0);
  pid_t twin = clone(cloned, stack + (1 << 16), CLONE_VM | SIGCHLD, NULL);
  check(twin < 0, "clone");
  char byte;
  check(read(done[0], &byte, 1) != 1, "clone");
  report("twin %d", twin);
  stage();
  kill(twin, SIGKILL);
  waitpid(twin, NULL, __WALL);
}

/// gone PAGES CHILDREN: all children write half and go.
void scenario_gone(int argc, char **argv) {
  check(argc < 2, "arguments");
  size_t count = strtoul(argv[0], NULL, 10);
  struct pages pages = {allocate(count * page_size, 0), count / 2, 1};
  dirty(pages.memory, count, 1);
  report_range(pages.memory, count * page_size);
  for (int index = 0; index < atoi(argv[1]); index++) {
    end_child(start_child(dirty_pages, &pages));
  }
}

/// exec PAGES: one child stays, one becomes another program.
void scenario_exec(int argc, char **argv) {
  check(argc < 1, "arguments");
  size_t count = strtoul(argv[0], NULL, 10);
  char *memory = allocate(count * page_size, 0);
  dirty(memory, count, 1);
  report_range(memory, count * page_size);
  start_child(NULL, NULL);
  int done[2];
  check(pipe(done) != 0, "pipe");
  pid_t other = fork();
  check(other < 0, "fork");
  if (other == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    char descriptor[16];
    snprintf(descriptor, sizeof descriptor, "%d", done[1]);
    execl("/proc/self/exe", "scenarios", "sleep", descriptor, (char *)NULL);
    _exit(1);
  }
  char byte;
  check(read(done[0], &byte, 1) != 1, "exec");
  report("other %d", other);
  stage();
  kill(other, SIGKILL);
  waitpid(other, NULL, 0);
}

static void nested(void *context) {
  struct pages *pages = context;
  dirty(pages->memory, pages->count / 2, 1);
  start_child(NULL, NULL);
  char *own = allocate(32 * page_size, 0);
  dirty(own, 32, 1);
  report("fresh %zu %zu", (size_t)own, (size_t)own + 32 * page_size);
}

/// family PAGES: a child writes half and forks a child of its own, so that copies are shared too;
/// then it has 32 new pages of its own. At last the first process writes to 10 pages.
void scenario_family(int argc, char **argv) {
  check(argc < 1, "arguments");
  size_t count = strtoul(argv[0], NULL, 10);
  struct pages pages = {allocate(count * page_size, 0), count, 1};
  // Of small pages alone it can be estimated who has which.
  madvise(pages.memory, count * page_size, MADV_NOHUGEPAGE);
  dirty(pages.memory, count, 1);
  report_range(pages.memory, count * page_size);
  start_child(nested, &pages);
  dirty(pages.memory + count / 2 * page_size, 10, 1);
}

static void remap(void *context) {
  struct pages *pages = context;
  size_t part = pages->count / 4;
  char *memory = pages->memory;
  // A file in memory over the first quarter, written to: nothing of what was there.
  int file = memfd_create("accounting", MFD_CLOEXEC);
  check(file < 0 || ftruncate(file, (off_t)(part * page_size)) != 0, "memfd_create");
  check(mmap(memory, part * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, file, 0) ==
            MAP_FAILED, "mmap");
  dirty(memory, part, 1);
  // The second quarter is moved away; nothing is left there.
  check(mremap(memory + part * page_size, part * page_size, part * page_size, MREMAP_MAYMOVE |
                   MREMAP_FIXED, pages->memory + pages->count * page_size) == MAP_FAILED, "mremap");
  // The third is written to.
  dirty(memory + 2 * part * page_size, part, 1);
}

/// remapped PAGES WRITTEN: a child maps something else over the first quarter, moves the second behind
/// the end and writes to the third; the first process writes to the first pages of the fourth.
void scenario_remapped(int argc, char **argv) {
  check(argc < 2, "arguments");
  size_t count = strtoul(argv[0], NULL, 10), part = count / 4;
  struct pages pages = {allocate((count + part) * page_size, 0), count, 1};
  madvise(pages.memory, (count + part) * page_size, MADV_NOHUGEPAGE);
  dirty(pages.memory, count, 1);
  report_range(pages.memory, (count + part) * page_size);
  start_child(remap, &pages);
  dirty(pages.memory + 3 * part * page_size, strtoul(argv[1], NULL, 10), 1);
}

/// later PAGES: a child writes half of the pages when the next line is read.
void scenario_later(int argc, char **argv) {
  check(argc < 1, "arguments");
  size_t count = strtoul(argv[0], NULL, 10);
  struct pages pages = {allocate(count * page_size, 0), count / 2, 1};
  dirty(pages.memory, count, 1);
  report_range(pages.memory, count * page_size);
  int go[2], done[2];
  check(pipe(go) != 0 || pipe(done) != 0, "pipe");
  pid_t child = fork();
  check(child < 0, "fork");
  char byte = 0;
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (read(go[0], &byte, 1) != 1) _exit(1);
    dirty_pages(&pages);
    if (write(done[1], &byte, 1) != 1) _exit(1);
    sleep_for_ever();
  }
  report("child %d", child);
  stage();
  check(write(go[1], &byte, 1) != 1 || read(done[0], &byte, 1) != 1, "child");
  stage();
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
}
