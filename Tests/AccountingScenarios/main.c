#define _GNU_SOURCE
#include "scenario.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

size_t page_size;

static pid_t children[4096];
static size_t child_count;
static pid_t scenario_pid;

static void end_children(void) {
  // Children inherit the exit handler, but not the right to use it.
  if (getpid() != scenario_pid) return;
  for (size_t index = 0; index < child_count; index++) {
    kill(children[index], SIGKILL);
    waitpid(children[index], NULL, __WALL);
  }
}

void report(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  putchar('\n');
  fflush(stdout);
}

void report_range(const void *start, size_t size) {
  report("range %zu %zu", (size_t)start, (size_t)start + size);
}

void stage(void) {
  report("ready");
  // Unbuffered: the memory of the scenario is not to change while it waits.
  for (;;) {
    char byte;
    ssize_t count = read(STDIN_FILENO, &byte, 1);
    if (count == 0) exit(0);
    if (count == 1 && byte == '\n') return;
  }
}

void skip(const char *reason) {
  report("skip %s", reason);
  exit(0);
}

void check(int failed, const char *what) {
  if (!failed) return;
  report("error %s: %s", what, strerror(errno));
  exit(1);
}

char *allocate(size_t size, size_t alignment) {
  char *memory = mmap(NULL, size + alignment, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  check(memory == MAP_FAILED, "mmap");
  if (alignment == 0) return memory;
  return (char *)(((uintptr_t)memory + alignment - 1) / alignment * alignment);
}

void dirty(char *memory, size_t count, size_t step) {
  // Each page gets content of its own, so that samepage merging leaves it alone.
  for (size_t index = 0; index < count; index += step) {
    *(volatile uint64_t *)(memory + index * page_size) = index + ((uint64_t)getpid() << 32) + 1;
  }
}

void touch(const char *memory, size_t count) {
  for (size_t index = 0; index < count; index++) {
    (void)*(const volatile char *)(memory + index * page_size);
  }
}

void sleep_for_ever(void) {
  for (;;) pause();
}

pid_t start_child(void (*work)(void *), void *context) {
  int done[2];
  check(pipe(done) != 0, "pipe");
  pid_t child = fork();
  check(child < 0, "fork");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (work) work(context);
    if (write(done[1], "", 1) != 1) _exit(1);
    sleep_for_ever();
  }
  close(done[1]);
  char byte;
  check(read(done[0], &byte, 1) != 1, "child");
  close(done[0]);
  children[child_count++] = child;
  report("child %d", child);
  return child;
}

void end_child(pid_t child) {
  for (size_t index = 0; index < child_count; index++) {
    if (children[index] != child) continue;
    kill(child, SIGKILL);
    waitpid(child, NULL, __WALL);
    children[index] = children[--child_count];
    return;
  }
}

/// Runs a program, or goes on itself, as an unprivileged user.
static void become(uid_t user) {
  check(setgroups(0, NULL) != 0 || setgid(user) != 0 || setuid(user) != 0, "setuid");
  check(prctl(PR_SET_DUMPABLE, 1) != 0, "prctl");
}

static const struct {
  const char *name;
  void (*run)(int, char **);
} scenarios[] = {
    {"fork", scenario_fork},         {"sparse", scenario_sparse},
    {"zero", scenario_zero},         {"merged", scenario_merged},
    {"clone", scenario_clone},       {"swap", scenario_swap},
    {"file", scenario_file},         {"readonly", scenario_readonly},
    {"gone", scenario_gone},         {"exec", scenario_exec},
    {"mappings", scenario_mappings}, {"protected", scenario_protected},
    {"reserved", scenario_reserved}, {"shared", scenario_shared},
    {"family", scenario_family},     {"later", scenario_later},
    {"mixed", scenario_mixed},       {"remapped", scenario_remapped},
    {"hugetlb", scenario_hugetlb},   {"memory-file", scenario_memory_file},
    {"writers", scenario_writers},   {"kept", scenario_kept},
    {"split", scenario_split},
};

int main(int argc, char **argv) {
  page_size = (size_t)sysconf(_SC_PAGESIZE);
  if (argc > 1 && strcmp(argv[1], "sleep") == 0) {
    if (write(atoi(argv[2]), "", 1) != 1) return 1;
    sleep_for_ever();
  }
  if (argc > 3 && strcmp(argv[1], "as-user") == 0) {
    become((uid_t)atoi(argv[2]));
    // Servers are asked to end by signals, which the thread that started this may have blocked; and
    // they are not to outlive it. (Set here: a change of the user undoes it.)
    sigset_t none;
    sigemptyset(&none);
    check(sigprocmask(SIG_SETMASK, &none, NULL) != 0, "sigprocmask");
    check(prctl(PR_SET_PDEATHSIG, SIGKILL) != 0, "prctl");
    execv(argv[3], argv + 3);
    check(1, "exec");
  }
  if (argc > 3 && strcmp(argv[1], "user") == 0) {
    become((uid_t)atoi(argv[2]));
    argc -= 2;
    argv += 2;
  }
  scenario_pid = getpid();
  atexit(end_children);
  for (size_t index = 0; argc > 1 && index < sizeof scenarios / sizeof *scenarios; index++) {
    if (strcmp(argv[1], scenarios[index].name) != 0) continue;
    report("root %d", getpid());
    scenarios[index].run(argc - 2, argv + 2);
    stage();
    return 0;
  }
  fprintf(stderr, "unknown scenario\n");
  return 64;
}
