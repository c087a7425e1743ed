import CTestSupport
import Foundation
import MemorySnapshots
import SystemPackage
import Testing

/// What the system or the container forbids. Each test in a process of its own.
@Suite("Hostile surroundings", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct HostileSurroundingsTests {
  @Test("Where seccomp denies userfaultfd, the error says so", arguments: [EPERM, ENOSYS])
  func deniedBySeccomp(_ error: Int32) async {
    await #expect(processExitsWith: .success) { [error] in
      let status = test_support_deny_userfaultfd(error)
      try #require(status == 0, "seccomp(2): \(status)")
      let refusal = #expect(throws: SnapshotError.self) { try MemoryRegion(pages: 1) }
      #expect(refusal?.code == .notPermitted)
      #expect(refusal?.errno == Errno(rawValue: error))
      #expect(refusal?.message.contains("seccomp") == true)
      let support = UserfaultSupport()
      #expect(support.method == nil)
      #expect(support.attempts.count == 3)
      #expect(!support.supports(.sharedMemory))
      #expect(support.description.contains("userfaultfd is not available"))
    }
  }

  @Test(
    "Without a device node, the system call is used",
    .enabled(if: geteuid() == 0, "hiding /dev takes root"))
  func noDeviceNode() async {
    await #expect(processExitsWith: .success) {
      let status = test_support_hide_devices()
      try #require(status == 0, "mount(2): \(status)")
      let support = UserfaultSupport()
      #expect(support.method == .systemCall)
      #expect(support.attempts.first?.errno == .noSuchFileOrDirectory)
      try HostileSurroundingsTests.useRegion()
    }
  }

  @Test(
    "An unprivileged user has regions, and is told that system calls may not write into them",
    .enabled(if: geteuid() == 0, "giving up privileges takes them"))
  func unprivileged() async {
    await #expect(processExitsWith: .success) {
      try #require(setgid(65_534) == 0 && setuid(65_534) == 0)
      let support = UserfaultSupport()
      guard support.method != nil else {
        let refusal = #expect(throws: SnapshotError.self) { try MemoryRegion(pages: 1) }
        #expect(refusal?.code == .notPermitted)
        return
      }
      try HostileSurroundingsTests.useRegion()
      let region = try MemoryRegion(pages: 2)
      region[1] = 5
      let snapshot = try region.makeSnapshot()
      let (reading, writing) = try Stream.pair(socket: false)
      try writing.descriptor.writeAll([9, 9])
      if support.systemCallsMayWrite {
        #expect(unsafe read(reading.descriptor.rawValue, region.baseAddress + pageSize, 1) == 1)
      } else {
        #expect(unsafe read(reading.descriptor.rawValue, region.baseAddress + pageSize, 1) == -1)
        #expect(errno == EFAULT)
      }
      try region.prepareToWrite(0..<region.byteCount)
      #expect(unsafe read(reading.descriptor.rawValue, region.baseAddress + pageSize, 1) == 1)
      #expect(try snapshot.word(ofPage: 1) == 5)
    }
  }

  @Test(
    "Where no thread can be started, a region is refused as out of resources, and nothing leaks",
    .enabled(if: geteuid() == 0, "RLIMIT_NPROC is another user's"))
  func threadLimit() async {
    await #expect(processExitsWith: .success) {
      endIfHanging()
      let before = ProcessResources.now()
      #expect(test_support_forbid_threads() == 0)
      try #require(setgid(65_534) == 0 && setuid(65_534) == 0)
      for _ in 0..<16 {
        let refusal = #expect(throws: SnapshotError.self) { try MemoryRegion(pages: 1) }
        #expect(refusal?.code == .outOfResources)
        #expect(refusal?.errno == .resourceTemporarilyUnavailable)
        #expect(refusal?.operation == "starting the fault handler")
      }
      #expect(await ProcessResources.stayed(before), "\(before), \(ProcessResources.now())")
    }
  }

  @Test(
    "Threads that keep all cores busy delay faults and break nothing", arguments: RegionMode.tested)
  func starvedHandler(_ mode: RegionMode) async throws {
    let region = try MemoryRegion(pages: 256, mode)
    region.fillPages(0..<256, with: 1)
    let snapshot = try region.makeSnapshot()
    let stop = Shared(false)
    try await onThreads(9) { index in
      if index > 0 {
        while !stop.isSet {}
      } else {
        defer { stop.set() }
        for page in 0..<256 { region[255 - page] = 2 }
      }
    }
    #expect(try snapshot.bytes(in: 0..<region.byteCount).allSatisfy { $0 == 1 })
  }

  @Test("A process ends while threads of it wait for faults")
  func teardown() async {
    await #expect(processExitsWith: .success) {
      endIfHanging()
      for mode in RegionMode.tested {
        let region = try MemoryRegion(pages: 64, mode) {
          $0.storeLimit = 0
          $0.whenStoreIsFull = .blockWriters
        }
        region.fillPages(0..<64, with: 1)
        let snapshot = try region.makeSnapshot()
        for index in 0..<8 {
          Thread { region[index] = 2 }.start()
        }
        // All wait, for memory that nobody gives them.
        #expect(await eventually { region.statistics.parkedFaults >= 8 })
        #expect(try snapshot.word(ofPage: 0) != 2)
      }
      _exit(0)
    }
  }

  private static func useRegion() throws {
    for mode in RegionMode.tested {
      let region = try MemoryRegion(pages: 4, mode)
      region[2] = 1
      let snapshot = try region.makeSnapshot()
      region[2] = 2
      #expect(try snapshot.word(ofPage: 2) == 1)
      #expect(try snapshot.makeView().word(ofPage: 2) == 1)
    }
  }
}
