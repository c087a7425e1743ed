#include "cuserfault_fork.h"
#include "test_support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

static atomic_bool is_at_work, is_done;

static void *work(void *argument) {
  while (!atomic_load(&is_done)) {
    cuserfault_begin_work();
    atomic_store(&is_at_work, true);
    for (volatile int turn = 0; turn < 20000; turn++) {
    }
    atomic_store(&is_at_work, false);
    cuserfault_end_work();
  }
  return argument;
}

int test_support_children_forked_at_work(int forks) {
  cuserfault_prepare_for_forks();
  pthread_t worker;
  if (pthread_create(&worker, NULL, work, NULL) != 0) return -1;
  int count = 0;
  for (int turn = 0; turn < forks && count >= 0; turn++) {
    pid_t child = fork();
    if (child == 0) _exit(atomic_load(&is_at_work) ? 1 : 0);
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) {
      count = -1;
    } else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
      count++;
    }
  }
  atomic_store(&is_done, true);
  pthread_join(worker, NULL);
  return count;
}
