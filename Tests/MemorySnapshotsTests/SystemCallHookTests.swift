import Foundation
import Testing

/// That no system call of the library escapes `ForcedFailure`.
@Suite("Naming system calls")
struct SystemCallHookTests {
  /// What cannot fail, or is no system call: bytes, time, waking, masks of signals, ends of threads.
  /// Closing a descriptor is never repeated, whatever the answer.
  private static let exempt: Set<String> = [
    "cuserfault_copy_bytes", "cuserfault_copy_past_cache", "cuserfault_finish_copies",
    "cuserfault_prefetch", "cuserfault_zero_bytes", "cuserfault_is_zero", "cuserfault_touch",
    "cuserfault_nanoseconds", "cuserfault_yield", "cuserfault_futex_wake",
    "cuserfault_join_thread", "cuserfault_signal_mask", "cuserfault_block_signals",
    "cuserfault_restore_signals", "cuserfault_thread_number", "cuserfault_forced_failure_words",
    "cuserfault_close", "cuserfault_begin_work", "cuserfault_end_work",
    "cuserfault_sleep", "cuserfault_free_swap", "cuserfault_thread_id",
    "cuserfault_find_process_memory",
    // Questions about merging, for which no answer is an answer.
    "cuserfault_merges_everything", "cuserfault_may_merge", "cuserfault_has_merging",
    // A handler thread's own function.
    "poll in FaultHandlerThread.swift",
  ]
  private static let systemCalls =
    "mmap|munmap|mremap|mprotect|mincore|madvise|mlock|mlockall|fstat|fcntl|fallocate|lseek|pread|pwrite"
    + "|poll|ftruncate|open|openat|ioctl|prctl|pipe|memfd_create|sigaction|pthread_[a-z_]+|syscall"

  @Test("Every one is made through `ask`, which tests can have refuse it")
  func areAsked() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let folder = root.appendingPathComponent("Sources/MemorySnapshots")
    let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
    var sourceCount = 0
    var asked = 0
    for case let file as URL in try #require(files) where file.pathExtension == "swift" {
      sourceCount += 1
      let source = try String(contentsOf: file, encoding: .utf8)
      for call in Self.calls(in: source) where !Self.exempt.contains(call.name) {
        if Self.exempt.contains("\(call.name) in \(file.lastPathComponent)") { continue }
        #expect(call.isAsked, "\(file.lastPathComponent): \(call.name) is not made through ask")
        if call.isAsked { asked += 1 }
      }
    }
    #expect(sourceCount > 50)
    #expect(asked > 30)
  }

  @Test("A call that is not made through `ask` is noticed")
  func areNoticed() {
    let source = """
      // madvise(2) is not called here.
      _ = ask(.mmap, answer(Int(bitPattern: mmap(nil, 1))))
      _ = check(cuserfault_wake(descriptor))
      let status = madvise(start, count, advice)
      """
    #expect(
      Self.calls(in: source).map { "\($0.name) \($0.isAsked)" } == [
        "mmap true", "cuserfault_wake false", "madvise false",
      ])
  }

  /// The calls of C functions in a source, and whether each is part of an argument of `ask`.
  private static func calls(in source: String) -> [(name: String, isAsked: Bool)] {
    let wanted = try? Regex("^(cuserfault_[a-z_]+|Glibc\\.[a-z_]+|\(systemCalls))$")
    var found: [(name: String, isAsked: Bool)] = []
    // Without comments, strings and declarations.
    let code = source.replacing(/\/\/.*|"[^"\n]*"|func +[a-zA-Z]+/, with: "")
    var enclosing: [String] = []
    var word = ""
    for character in code {
      switch character {
      case "(":
        if let wanted, word.wholeMatch(of: wanted) != nil {
          let isAsked = enclosing.contains { $0 == "ask" || $0 == "askInFaultPath" }
          found.append((word, isAsked))
        }
        enclosing.append(word)
        word = ""
      case ")":
        _ = enclosing.popLast()
        word = ""
      case _ where character.isLetter || character.isNumber || "_.".contains(character):
        word.append(character)
      default:
        word = ""
      }
    }
    return found
  }
}
