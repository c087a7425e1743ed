// Runs an input, until its end or the first trap with a sentence. What Swift holds at a trap is never freed:
// the fuzzer looks for wild accesses, not for leaks.
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

void fuzz_heap(const uint8_t *start, size_t count);

static jmp_buf end;

__attribute__((noreturn)) void fuzz_end_of_input(void) { longjmp(end, 1); }

int LLVMFuzzerTestOneInput(const uint8_t *start, size_t count) {
  if (setjmp(end) == 0) fuzz_heap(start, count);
  return 0;
}
