import CTestSupport
import CUserfault
import Foundation
import SystemPackage
import Testing

@testable import MemorySnapshots

/// Each test in a process of its own, whose descriptors it closes.
@Suite(
  "Descriptors closed by the application", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5))
)
struct LostDescriptorTests {
  @Test("close_range over the library's descriptors voids the snapshots, loudly, and hangs nobody")
  func closeRange() async {
    await #expect(processExitsWith: .success) {
      endIfHanging()
      for mode in RegionMode.tested {
        try await LostDescriptorTests.closeAll(mode)
      }
    }
  }

  /// Daemons are started so. What is printed would else be written into the region.
  @Test(
    "With standard input, output and error closed, none of their numbers becomes the library's",
    arguments: RegionMode.tested)
  func standardDescriptors(_ mode: RegionMode) async {
    await #expect(processExitsWith: .success) { [mode] in
      endIfHanging()
      for number in 0..<3 as Range<Int32> { close(number) }
      let region = try MemoryRegion(pages: 4, mode) { $0.hasOwnHandler = true }
      region.fillPages(0..<4, with: 1)
      let snapshot = try region.makeSnapshot()
      let view = try snapshot.makeView()
      // Others may have them: the dispatch library's timers, files that are read and closed at once.
      for number in 0..<3 as Range<Int32> {
        let name = try? FileManager.default.destinationOfSymbolicLink(
          atPath: "/proc/self/fd/\(number)")
        #expect(name?.contains("memory-snapshots") != true)
        #expect(name?.contains("userfaultfd") != true)
      }
      region.fillPages(1..<2, with: 2)
      #expect(try snapshot.bytes(in: 0..<region.byteCount).allSatisfy { $0 == 1 })
      #expect(view.bytes(in: 0..<region.byteCount).allSatisfy { $0 == 1 })
      #expect(UserfaultSupport().method != nil)
    }
  }

  /// The number of a closed userfaultfd, before a handler thread has noticed.
  @Test("Reading a fault's message does not wait for the pipe that has the number by then")
  func readsWithoutWaiting() async {
    await #expect(processExitsWith: .success) {
      endIfHanging()
      let region = try MemoryRegion(pages: 1, RegionMode.tested[0])
      // Before Linux 6.10, the kernel does not offer it.
      guard region.state.value.protection.isReadWithoutWaiting else { return }
      var ends: [Int32] = [0, 0]
      #expect(unsafe pipe(&ends) == 0)
      let messages = FixedArray<Kernel.Message>(count: 1) { Kernel.Message() }
      defer { unsafe messages.free() }
      let count = Kernel.readMessages(ends[0], messages, neverWaits: true)
      #expect(count == -EAGAIN)
    }
  }

  private static func closeAll(
    _ mode: RegionMode
  ) async throws {
    let before = openDescriptors()
    let region = try MemoryRegion(pages: 64, mode)
    let numbers = openDescriptors().subtracting(before)
    region.fillPages(0..<64, with: 1)
    let snapshot = try region.makeSnapshot()
    region[1] = 2
    #expect(!snapshot.isInvalidated)
    // One by one: libdispatch ends the process if its own are closed.
    for number in numbers {
      #expect(test_support_close_range(UInt32(number), UInt32(number)) == 0)
    }
    // The numbers are somebody else's now.
    var ends: [Int32] = [0, 0]
    for _ in 0..<8 { #expect(unsafe pipe(&ends) == 0) }
    try await onThreads(4) { index in
      for page in 0..<64 { region[page] = UInt64(index) }
    }
    #expect(snapshot.isInvalidated)
    let file = try TemporaryFile()
    let attempts: [() throws -> Void] = [
      { _ = try snapshot.word(ofPage: 0) }, { _ = try snapshot.makeView() },
      { try region.restore(to: snapshot) }, { _ = try region.makeSnapshot() },
      { try snapshot.write(to: file.descriptor) },
    ]
    for attempt in attempts {
      let error = #expect(throws: SnapshotError.self) { try attempt() }
      #expect(error?.code == .protectionLost, "\(String(describing: error))")
    }
    #expect(try region.changedRanges(since: snapshot) == [0..<region.byteCount])
    try region.prepareToWrite(0..<pageSize)
    snapshot.release()
    // Other regions are made as if nothing had happened, and the pipes are still open.
    let next = try MemoryRegion(pages: 4, mode)
    let good = try next.makeSnapshot()
    next[3] = 3
    #expect(try good.word(ofPage: 3) == 0)
    #expect(fcntl(ends[0], F_GETFD) >= 0 && fcntl(ends[1], F_GETFD) >= 0)
  }

  /// A half-empty region with a snapshot, whose descriptors are closed; or whose memory file's number is
  /// another file's by now.
  private static func closed(
    _ mode: RegionMode, reusing other: TemporaryFile? = nil, isLocked: Bool = false
  ) throws -> (MemoryRegion, MemorySnapshot) {
    let before = openDescriptors()
    let region = try MemoryRegion(pages: 64, mode)
    let numbers = openDescriptors().subtracting(before)
    region.fillPages(0..<32, with: 1)
    if isLocked { #expect(unsafe mlock(region.baseAddress, 32 * pageSize) == 0) }
    let snapshot = try region.makeSnapshot()
    // The memory file may have the number of what the region before has closed meanwhile.
    for number in other == nil ? numbers : openDescriptors() {
      guard let other else {
        close(number)
        continue
      }
      let name = try FileManager.default.destinationOfSymbolicLink(
        atPath: "/proc/self/fd/\(number)")
      guard name.hasPrefix("/memfd:memory-snapshots") else { continue }
      #expect(dup2(other.descriptor.rawValue, number) == number)
    }
    return (region, snapshot)
  }

  enum Use: String, CaseIterable, Codable { case write, consume, handOut, view, discard, restore }

  private static func use(
    _ use: Use, _ region: MemoryRegion, _ snapshot: MemorySnapshot
  ) throws {
    let file = try TemporaryFile()
    switch use {
    case .write: try snapshot.write(to: file.descriptor)
    case .consume: try snapshot.consume(to: file.descriptor)
    case .handOut: try unsafe snapshot.handOut()
    case .view: _ = try snapshot.makeView()
    case .discard: try region.discard(0..<region.byteCount)
    case .restore: try region.restore(to: snapshot)
    }
  }

  @Test(
    "With the descriptors closed, nothing is saved as zeros, handed out or discarded",
    arguments: Use.allCases)
  func useOfClosed(_ use: Use) async {
    await #expect(processExitsWith: .success) { [use] in
      endIfHanging()
      for mode in RegionMode.tested {
        // Another region keeps the threads, whose descriptors stay open.
        let other = try MemoryRegion(pages: 1, mode)
        let (region, snapshot) = try LostDescriptorTests.closed(mode)
        let error = #expect(throws: SnapshotError.self) {
          try LostDescriptorTests.use(use, region, snapshot)
        }
        #expect(error?.code == .protectionLost, "\(mode.testDescription)")
        withExtendedLifetime(other) {}
      }
    }
  }

  @Test(
    "Another file that gets the number of the memory file is neither read, mapped nor changed",
    arguments: Use.allCases, [false, true])
  func useOfReused(_ use: Use, _ isLocked: Bool) async {
    await #expect(processExitsWith: .success) { [use, isLocked] in
      endIfHanging()
      for mode in RegionMode.tested(.sharedMemory) {
        let content = [UInt8](repeating: 7, count: 64 * pageSize)
        let file = try TemporaryFile(content)
        let offset = try file.descriptor.seek(offset: 5, from: .start)
        let (region, snapshot) = try LostDescriptorTests.closed(
          mode, reusing: file, isLocked: isLocked)
        let saved = try TemporaryFile()
        var seen: [UInt8] = []
        var failure: SnapshotError.Code?
        do {
          switch use {
          case .write: try snapshot.write(to: saved.descriptor)
          case .consume: try snapshot.consume(to: saved.descriptor)
          case .handOut: try unsafe snapshot.handOut { bytes, _ in unsafe seen += bytes }
          case .view: unsafe seen = try snapshot.makeView().withUnsafeBytes { unsafe Array($0) }
          default: try LostDescriptorTests.use(use, region, snapshot)
          }
        } catch let error as SnapshotError {
          failure = error.code
        }
        // Locked memory is discarded by the file. All else does without.
        let needsFile = use == .discard && isLocked
        #expect(failure == (needsFile ? .protectionLost : nil), "\(mode.testDescription)")
        if use == .write || use == .consume { seen = try saved.read(0, region.byteCount) }
        if !seen.isEmpty {
          #expect(seen.count == region.byteCount)
          #expect(seen[..<(region.byteCount / 2)].allSatisfy { $0 == 1 })
          #expect(seen[(region.byteCount / 2)...].allSatisfy { $0 == 0 })
        }
        #expect(areEqual(try file.read(0, content.count), content))
        #expect(try file.descriptor.seek(offset: 0, from: .current) == offset)
        if use == .discard, !isLocked { #expect(region[3] == 0) }
        if use != .consume, use != .handOut {
          #expect(try snapshot.word(ofPage: 3) == 0x0101_0101_0101_0101)
        }
      }
    }
  }

  @Test("An epoll of the application's that gets the number of the library's is noticed")
  func reusedEpoll() async {
    await #expect(processExitsWith: .success) {
      endIfHanging()
      let before = LostDescriptorTests.epolls()
      let region = try MemoryRegion(pages: 64)
      region.fillPages(0..<64, with: 1)
      let snapshot = try region.makeSnapshot()
      let number = try #require(LostDescriptorTests.epolls().subtracting(before).first)
      let other = cuserfault_create_epoll()
      // With an event that is always ready, whose tag must not be taken for a region.
      let event = cuserfault_create_event()
      cuserfault_signal_event(event)
      #expect(cuserfault_epoll_add(other, event, 0x10) == 0)
      #expect(dup2(other, number) == number)
      // The handler, which sleeps on its own epoll still, answers the first at the most.
      for page in [0, 40, 20] {
        try await onThread { region[page] = 2 }
      }
      #expect(snapshot.isInvalidated)
      let next = try MemoryRegion(pages: 4)
      let good = try next.makeSnapshot()
      next[3] = 3
      #expect(try good.word(ofPage: 3) == 0)
    }
  }

  @Test("A message that the handler reads under a number used again goes to whom it is for")
  func reusedUserfault() async {
    await #expect(processExitsWith: .success) {
      endIfHanging()
      // A region that is read once too often is a matter of microseconds.
      for mode in RegionMode.tested.flatMap({ Array(repeating: $0, count: 16) }) {
        try LostDescriptorTests.useNumbersAgain(mode)
      }
    }
  }

  private static func useNumbersAgain(_ mode: RegionMode) throws {
    let before = openDescriptors()
    let region = try MemoryRegion(pages: 64, mode)
    let numbers = openDescriptors().subtracting(before)
    // Faults come so fast that the handler waits for the next without asking epoll.
    for round in 1...4 as ClosedRange<UInt64> {
      let snapshot = try region.makeSnapshot()
      for page in stride(from: 0, to: 64, by: 7) { region[page] = round }
      snapshot.release()
    }
    let snapshot = try region.makeSnapshot()
    for number in numbers {
      #expect(test_support_close_range(UInt32(number), UInt32(number)) == 0)
    }
    let next = try MemoryRegion(pages: 64, mode)
    let good = try next.makeSnapshot()
    for page in 0..<64 { next[page] = 3 }
    for page in 0..<64 { #expect(try good.word(ofPage: page) == 0) }
    #expect(snapshot.isInvalidated)
    #expect(!good.isInvalidated)
  }

  @Test("A thread with descriptors of its own is told that it cannot make a region")
  func ownDescriptors() async {
    await #expect(processExitsWith: .success) {
      endIfHanging()
      for mode in RegionMode.tested {
        let region = try MemoryRegion(pages: 4, mode)
        try await onThread {
          #expect(test_support_unshare_descriptors() == 0)
          let error = #expect(throws: SnapshotError.self) { try MemoryRegion(pages: 4, mode) }
          #expect(error?.code == .unsupported)
        }
        let snapshot = try region.makeSnapshot()
        region[1] = 1
        #expect(try snapshot.word(ofPage: 1) == 0)
      }
    }
  }

  /// Those of kinds that the library keeps; not the files of /proc and /sys that its threads read now
  /// and then.
  private static func openDescriptors() -> Set<Int32> {
    // Each mode leaves sixteen ends of pipes open.
    Set(
      (3..<1024 as Range<Int32>).filter { number in
        let name = try? FileManager.default.destinationOfSymbolicLink(
          atPath: "/proc/self/fd/\(number)")
        return name?.hasPrefix("anon_inode:") == true || name?.hasPrefix("/memfd:") == true
      })
  }

  private static func epolls() -> Set<Int32> {
    openDescriptors().filter { number in
      let name = try? FileManager.default.destinationOfSymbolicLink(
        atPath: "/proc/self/fd/\(number)")
      return name?.contains("eventpoll") == true
    }
  }

  @Test("A forked child that closes all descriptors, as before exec, does the parent no harm")
  func closedInChild() async {
    await #expect(processExitsWith: .success) {
      endIfHanging()
      for mode in RegionMode.tested {
        let region = try MemoryRegion(pages: 4, mode)
        let snapshot = try region.makeSnapshot()
        let child = test_support_fork_and_close_range()
        #expect(child == 0)
        region[1] = 1
        #expect(try snapshot.word(ofPage: 1) == 0)
        #expect(!snapshot.isInvalidated)
      }
    }
  }

  @Test("The memory file is sealed at its size, and no descriptor is inherited across exec")
  func sealed() async {
    await #expect(processExitsWith: .success) {
      let region = try MemoryRegion(pages: 4) { $0.hasOwnHandler = true }
      var sealedFiles = 0
      var others = 0
      for number in 3..<256 as Range<Int32> {
        let flags = fcntl(number, F_GETFD)
        // The runtime may close one of its own at any moment.
        guard flags >= 0,
          let name = try? FileManager.default.destinationOfSymbolicLink(
            atPath: "/proc/self/fd/\(number)")
        else { continue }
        if name.hasPrefix("/memfd:memory-snapshots") {
          sealedFiles += 1
          #expect(flags & FD_CLOEXEC != 0)
          #expect(ftruncate(number, 0) == -1)
          #expect(errno == EPERM)
          #expect(ftruncate(number, region.byteCount * 2) == -1)
        } else if name.hasPrefix("anon_inode:[userfaultfd]") || name.contains("eventpoll")
          || name.contains("eventfd")
        {
          others += 1
          #expect(flags & FD_CLOEXEC != 0, "\(name)")
        }
      }
      #expect(sealedFiles == 1)
      #expect(others >= 3)
    }
  }
}
