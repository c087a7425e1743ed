import CTestSupport
import Foundation
import MemorySnapshots
import Testing

/// The library's threads are the same whoever makes the first region. Each test in a process of its own.
@Suite("Attributes of the library's threads", .serialized, .timeLimit(.minutes(5)))
struct ThreadAttributesTests {
  /// A thread of the library's, as the kernel sees it.
  private struct LibraryThread {
    let id: pid_t
    let name: String

    /// The threads of the handler and of the keeper. A name is given right after the start.
    static func all() async -> [LibraryThread] {
      var found: [LibraryThread] = []
      _ = await eventually(within: .seconds(20)) {
        found = LibraryThread.listed()
        return found.count == 2
      }
      return found
    }

    private static func listed() -> [LibraryThread] {
      let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
      return threads.compactMap { thread in
        let name = kernelFile("/proc/self/task/\(thread)/comm").trimmingCharacters(in: .newlines)
        guard name == "fault-handler" || name == "page-keeper", let id = pid_t(thread) else {
          return nil
        }
        return LibraryThread(id: id, name: name)
      }
    }

    /// What the thread blocks, a bit for each signal from 1 on.
    var blockedSignals: UInt64 {
      for line in kernelFile("/proc/self/task/\(id)/status").split(separator: "\n")
      where line.hasPrefix("SigBlk:") {
        return line.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) } ?? 0
      }
      return 0
    }

    func blocks(_ signal: Int32) -> Bool { blockedSignals >> UInt64(signal - 1) & 1 == 1 }
  }

  @Test("They run by the ordinary policy, on every processor, and take no signal but SIGPROF")
  func independent() async {
    await #expect(processExitsWith: .success) {
      endIfHanging()
      // Some thread of the process is confined and deferred; the others are as they were.
      let processors = test_support_processor_count(0)
      let region = try await onThread {
        #expect(test_support_pin(0, test_support_first_processor(0)) == 0)
        #expect(test_support_set_niceness(0, 15) == 0)
        // Real-time priority takes privilege.
        if test_support_become_realtime() != 0 { #expect(test_support_set_batch(true) == 0) }
        return try MemoryRegion(pages: 1)
      }
      let threads = await LibraryThread.all()
      #expect(threads.count == 2)
      for thread in threads {
        // The thread sets them itself, first thing.
        let isOrdinary = await eventually {
          test_support_policy(thread.id) == SCHED_OTHER
            && test_support_processor_count(thread.id) == processors
        }
        #expect(
          isOrdinary,
          "\(thread): policy \(test_support_policy(thread.id)), \(test_support_processor_count(thread.id)) processors"
        )
        for signal in 1...64 where signal < 32 || signal > 33 {
          let signal = Int32(signal)
          guard signal != SIGKILL, signal != SIGSTOP else { continue }
          #expect(thread.blocks(signal) == (signal != SIGPROF), "\(thread), signal \(signal)")
        }
      }
      withExtendedLifetime(region) {}
    }
  }

  @Test(
    "They are no nicer than the other threads of the process",
    .enabled(if: geteuid() == 0, "less niceness takes privilege"))
  func niceness() async {
    await #expect(processExitsWith: .success) {
      endIfHanging()
      let mine = max(test_support_niceness(0), 0)
      let region = try await onThread {
        #expect(test_support_set_niceness(0, 19) == 0)
        return try MemoryRegion(pages: 1)
      }
      for thread in await LibraryThread.all() {
        let isAsNice = await eventually { test_support_niceness(thread.id) == mine }
        #expect(isAsNice, "\(thread): \(test_support_niceness(thread.id)), not \(mine)")
      }
      withExtendedLifetime(region) {}
    }
  }

  @Test("They stay where all threads of the process are confined to")
  func confined() async {
    await #expect(processExitsWith: .success) {
      endIfHanging()
      let processor = test_support_first_processor(0)
      // Twice: a thread may be started by another meanwhile.
      for _ in 0..<2 {
        for thread in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task") {
          // One may have ended since.
          _ = pid_t(thread).map { test_support_pin($0, processor) }
        }
      }
      let region = try MemoryRegion(pages: 1)
      let snapshot = try region.makeSnapshot()
      // A fault that was answered: the thread has begun.
      region[0] = 1
      let threads = await LibraryThread.all()
      #expect(threads.count == 2)
      for thread in threads {
        #expect(test_support_processor_count(thread.id) == 1)
        #expect(test_support_first_processor(thread.id) == processor)
      }
      #expect(try snapshot.word(ofPage: 0) == 0)
    }
  }

  @Test("Where the application has blocked SIGPROF, to wait for it itself, they block it too")
  func blockedProfiling() async {
    await #expect(processExitsWith: .success) {
      endIfHanging()
      let region = try await onThread {
        test_support_block_profiling()
        return try MemoryRegion(pages: 1)
      }
      let threads = await LibraryThread.all()
      #expect(threads.count == 2)
      for thread in threads { #expect(thread.blocks(SIGPROF)) }
      withExtendedLifetime(region) {}
    }
  }
}
