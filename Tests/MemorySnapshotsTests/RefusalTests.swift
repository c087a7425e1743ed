import MemorySnapshots
import SystemPackage
import Testing

#if DEBUG
  /// Every system call of the library fails in turn, in every public operation.
  @Suite("Refused system calls", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
  struct RefusalTests {
    private struct Operation: Sendable {
      let name: String
      let body: @Sendable (RefusalSubject) throws -> Void
    }

    private static let operations = [
      Operation(name: "MemoryRegion(byteCount:)") {
        _ = try RefusalSubject($0.mode, hasOwnHandler: true)
      },
      Operation(name: "MemoryRegion(adopting:)") { try adopt($0.mode) },
      Operation(name: "writing") { $0.write(6..<22, 9) },
      Operation(name: "makeSnapshot()") { try $0.snapshot() },
      Operation(name: "copyBytes(in:into:)") { try $0.readOlder() },
      Operation(name: "makeView()") { try $0.viewOlder() },
      Operation(name: "write(to:), a file") { try $0.save(consuming: false) },
      Operation(name: "write(to:), a pipe") { try $0.saveToPipe() },
      Operation(name: "consume(to:)") { try $0.save(consuming: true) },
      Operation(name: "consume(_:)") { try $0.consumeByClosure() },
      Operation(name: "restore(to:)") { try $0.restore() },
      Operation(name: "prepareToWrite(_:)") {
        try $0.region?.prepareToWrite(0..<RefusalSubject.pages * pageSize)
      },
      Operation(name: "discard(_:)") { try $0.discard(6..<16) },
      Operation(name: "changedRanges(since:)") { try checkChanges($0) },
      Operation(name: "release()") { $0.releaseOlder() },
      Operation(name: "letting go") { $0.letGo() },
      Operation(name: "UserfaultSupport()") { _ in _ = UserfaultSupport() },
    ]

    private static let errors: [Errno] = [
      .noMemory, .permissionDenied, .resourceTemporarilyUnavailable, .interrupted, .badAddress,
      .noSuchFileOrDirectory, .invalidArgument,
    ]

    /// What the library cannot survive without giving up its protection, aloud: a page that the kernel
    /// does not un-protect, and handler threads that are not told of faults.
    private static let isLosing: Set<SystemCall> = [.writeUnprotect, .epollModify, .epollWait]

    /// After these, threads that sleep for ever may use what they have: it stays, by design.
    private static let isLeaking: Set<SystemCall> = [.epollModify, .epollWait]
    /// What the library's own threads alone do.
    private static let madeByOthers: Set<SystemCall> = [
      .epollWait, .readMessages, .madvisePopulate, .epollModify,
    ]
    private static let calls = SystemCall.allCases.filter { !isLeaking.contains($0) }

    private static func adopt(_ mode: RegionMode) throws {
      let memory = try TestMapping(
        mode.backing == .anonymous ? .anonymous : .memoryFile, pages: 8)
      let region = try unsafe MemoryRegion(adopting: memory.buffer, options: mode.options)
      region.fillPages(0..<8, with: 1)
      let snapshot = try region.makeSnapshot()
      region.fillPages(0..<8, with: 2)
      #expect(try snapshot.word(ofPage: 7) == 0x0101_0101_0101_0101)
    }

    private static func checkChanges(_ subject: RefusalSubject) throws {
      guard let region = subject.region, let older = subject.older, let newer = subject.newer
      else { return }
      #expect(try pages(of: region.changedRanges(since: older)).isSuperset(of: 0..<8))
      #expect(try pages(of: region.changedRanges(since: newer)).isSuperset(of: 4..<6))
      #expect(try pages(of: newer.changedRanges(since: older)).isSuperset(of: 0..<8))
    }

    @Test("The n-th call of the caller fails, for every n, in every operation")
    func inTurn() async {
      await #expect(processExitsWith: .success) {
        let watchdog = Watchdog()
        // Keeps the handler that regions share.
        let other = try MemoryRegion(pages: 1)
        defer { withExtendedLifetime(other) {} }
        for mode in RegionMode.tested {
          for (index, operation) in RefusalTests.operations.enumerated() {
            try await RefusalTests.expectNoLeak(mode, operation) {
              for shift in 0..<(runsLongTests ? RefusalTests.errors.count : 1) {
                var count = 0
                while count < 1000 {
                  let turn = (count + index + shift) % RefusalTests.errors.count
                  let error = RefusalTests.errors[turn]
                  watchdog.beat("\(operation.name), \(mode), call \(count) with \(error)")
                  guard
                    try RefusalTests.attempt(
                      mode, operation, "call \(count) with \(error)",
                      {
                        ForcedFailure.fail(
                          RefusalTests.calls, of: .caller, after: count, with: error)
                      })
                  else { break }
                  count += 1
                }
                #expect(count < 1000, "\(operation.name), \(mode)")
              }
            }
          }
        }
        // Callers wake only who happens to wait: see `RefusedFaultTests`. Memory is locked only under
        // mlockall(2): see `ViewMemoryTests`.
        let missed = Set(SystemCall.allCases).subtracting(ForcedFailure.refused)
          .subtracting(RefusalTests.madeByOthers.union([.wake, .mlock]))
        #expect(missed.isEmpty, "no operation makes these calls: \(missed)")
      }
    }

    @Test("Every kind of call fails, once, five times and a hundred times, in any thread")
    func byKind() async {
      await #expect(processExitsWith: .success) {
        let watchdog = Watchdog()
        // Keeps the handler that regions share.
        let other = try MemoryRegion(pages: 1)
        defer { withExtendedLifetime(other) {} }
        for (position, mode) in RegionMode.tested.enumerated() {
          for (index, operation) in RefusalTests.operations.enumerated() {
            let attempts = RefusalTests.attempts(index, position)
            func run(_ attempts: [Attempt]) throws {
              for attempt in attempts {
                watchdog.beat("\(operation.name), \(mode), \(attempt)")
                _ = try RefusalTests.attempt(
                  mode, operation, "\(attempt)",
                  { ForcedFailure.fail([attempt.call], times: attempt.times, with: attempt.error) })
              }
            }
            try await RefusalTests.expectNoLeak(mode, operation) {
              try run(attempts.filter { !RefusalTests.isLeaking.contains($0.call) })
            }
            try run(attempts.filter { RefusalTests.isLeaking.contains($0.call) })
          }
        }
        let missed = RefusalTests.madeByOthers.subtracting(ForcedFailure.refused)
        #expect(missed.isEmpty, "no operation makes these calls: \(missed)")
      }
    }

    private struct Attempt {
      let call: SystemCall
      let times: Int
      let error: Errno
    }

    /// Every kind of call, each as often as it is to fail: in a short run in one mode only, and one
    /// number of times; in a long run in every fourth mode.
    private static func attempts(_ operation: Int, _ mode: Int) -> [Attempt] {
      SystemCall.allCases.enumerated().flatMap { number, call in
        let turn = operation + number
        let step = runsLongTests ? 4 : RegionMode.tested.count
        guard (turn + mode) % step == 0 else { return [Attempt]() }
        return [1, 5, 100].enumerated().compactMap { position, times in
          guard runsLongTests || (turn + position) % 3 == 0 else { return nil }
          return Attempt(call: call, times: times, error: errors[turn % errors.count])
        }
      }
    }

    /// Makes an operation while calls fail, and looks at what it leaves behind. False if none failed.
    private static func attempt(
      _ mode: RegionMode, _ operation: Operation, _ what: String, _ fail: () -> Void
    ) throws -> Bool {
      let subject = try RefusalSubject(mode)
      fail()
      var failure: SnapshotError?
      do {
        defer { ForcedFailure.end() }
        try operation.body(subject)
      } catch let error as SnapshotError {
        failure = error
      }
      let refused = ForcedFailure.refusedLately
      let isLosing = !refused.isDisjoint(with: Self.isLosing)
      if let failure {
        #expect(!refused.isEmpty, "\(operation.name), \(mode), \(what): \(failure)")
        #expect(
          isLosing || failure.code != .protectionLost,
          "\(operation.name), \(mode), \(what): \(failure)")
      }
      do {
        try subject.check(mayLose: isLosing)
      } catch {
        Issue.record("\(operation.name), \(mode), \(what), \(refused): \(error)")
      }
      return !refused.isEmpty
    }

    private static func expectNoLeak(
      _ mode: RegionMode, _ operation: Operation, _ body: () throws -> Void
    ) async throws {
      // What is made once for the process.
      _ = try attempt(mode, operation, "nothing", {})
      let before = ProcessResources.now()
      let mapped = libraryMappedBytes()
      try body()
      #expect(
        await ProcessResources.stayed(before),
        "\(operation.name), \(mode): \(before), then \(ProcessResources.now())")
      #expect(libraryMappedBytes() == mapped, "\(operation.name), \(mode)")
    }
  }
#endif
