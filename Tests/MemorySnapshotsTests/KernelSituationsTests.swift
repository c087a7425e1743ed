import CTestSupport
import CUserfault
import Foundation
import MemorySnapshots
import SnapshotStress
import Synchronization
import SystemPackage
import Testing

/// The situations of the kernel's own tests (tools/testing/selftests/mm/uffd-*.c) that have to do
/// with write protection, as far as other suites do not have them: `sigbus-wp` is
/// `InlineDeliveryTests`, `wp-unpopulated` is hazard 1, `wp-mremap` and the removals and moves of
/// `events-wp` are `MappingChangesTests`, opening by device and by system call is hazard 3 and
/// `HostileSurroundingsTests`. `wp-fork` and `wp-fork-with-event` are `HazardForkTests`: the child has
/// no protected page to go wrong, because it does not get the memory, and no event is asked for.
@Suite(
  "Situations of the kernel's selftests", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct KernelSituationsTests {
  private func open() throws -> Int32 {
    let device = cuserfault_open_device()
    let descriptor = device >= 0 ? device : cuserfault_open_system_call(true)
    try #require(descriptor >= 0)
    return descriptor
  }

  @Test("API: a feature that no kernel has is refused, and so is a second handshake")
  func handshake() throws {
    let descriptor = try open()
    defer { close(descriptor) }
    var granted: UInt64 = 0
    #expect(unsafe cuserfault_handshake(descriptor, 1 << 62, &granted) == -EINVAL)
    #expect(unsafe cuserfault_handshake(descriptor, 0, &granted) == 0)
    #expect(granted & CUSERFAULT_FEATURE_PAGEFAULT_FLAG_WP != 0)
    #expect(unsafe cuserfault_handshake(descriptor, 0, &granted) == -EINVAL)
  }

  @Test("API: a version that no kernel has is refused")
  func version() throws {
    let descriptor = try open()
    defer { close(descriptor) }
    #expect(test_support_handshake(descriptor, 0xab) == -EINVAL)
    #expect(test_support_handshake(descriptor, 0) == -EINVAL)
  }

  @Test("API: nothing works before the handshake")
  func beforeHandshake() throws {
    let descriptor = try open()
    defer { close(descriptor) }
    let region = try MemoryRegion(pages: 1)
    let start = unsafe UInt64(UInt(bitPattern: region.baseAddress))
    #expect(cuserfault_write_protect(descriptor, start, UInt64(pageSize)) == -EINVAL)
  }

  @Test("register: the ioctls that the range supports are reported, and a second owner is refused")
  func registerIoctls() throws {
    let descriptor = try open()
    defer { close(descriptor) }
    var ioctls: UInt64 = 0
    #expect(unsafe cuserfault_handshake(descriptor, 0, &ioctls) == 0)
    let memory = unsafe try #require(
      unsafe mmap(nil, pageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
    defer { unsafe munmap(memory, pageSize) }
    let start = UInt64(UInt(bitPattern: memory))
    #expect(
      unsafe cuserfault_register(
        descriptor, start, UInt64(pageSize), CUSERFAULT_MODE_WRITE_PROTECT, &ioctls) == 0)
    let needed = CUSERFAULT_IOCTL_WRITE_PROTECT | CUSERFAULT_IOCTL_WAKE
    #expect(ioctls & needed == needed)
    let error = #expect(throws: SnapshotError.self) {
      _ = unsafe try MemoryRegion(
        adopting: UnsafeMutableRawBufferPointer(start: memory, count: pageSize))
    }
    #expect(error?.code == .unprotectableMapping)
    #expect(error?.errno == .resourceBusy)
  }

  @Test(
    "wp-fork-pin: a page that the kernel has pinned stays right when the process forks and snapshots",
    arguments: RegionMode.tested)
  func forkWithPinnedPage(_ mode: RegionMode) async {
    await #expect(processExitsWith: .success) { [mode] in
      endIfHanging()
      let region = try MemoryRegion(pages: 4, mode)
      region.fillPages(0..<4, with: 1)
      let (reading, writing) = try Stream.pair(socket: false)
      // A reference to the page, held by a pipe.
      #expect(
        unsafe test_support_vmsplice_write(
          writing.descriptor.rawValue, region.baseAddress + pageSize, pageSize, false)
          == pageSize)
      let snapshot = try region.makeSnapshot()
      #expect(test_support_vfork(3) == 3)
      region[1] = 2
      #expect(try snapshot.word(ofPage: 1) == 0x0101_0101_0101_0101)
      #expect(try reading.read(pageSize).count == pageSize)
      let later = try region.makeSnapshot()
      region[1] = 3
      #expect(try later.word(ofPage: 1) == 2)
    }
  }

  @Test(
    "mmap-changing: snapshots are taken and faults resolved while mappings come and go beside them",
    arguments: RegionMode.tested)
  func mappingsChange(_ mode: RegionMode) async throws {
    let region = try MemoryRegion(pages: 64, mode)
    let stop = Shared(false)
    try await onThreads(3) { index in
      if index == 0 {
        defer { stop.set() }
        for round in 0..<200 {
          let snapshot = try region.makeSnapshot()
          let before = region[5]
          region[5] = UInt64(round + 1)
          #expect(try snapshot.word(ofPage: 5) == before)
        }
      } else {
        while !stop.isSet {
          guard
            let memory = unsafe mmap(
              nil, 64 * pageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
          else { continue }
          unsafe memset(memory, 1, 8 * pageSize)
          unsafe munmap(memory, 64 * pageSize)
        }
      }
    }
  }

  /// A page as the kernel's stress test has it: a lock and a counter, both taken by every thread.
  @Test(
    "stress: no count under a lock in a page is lost while pages are protected again and again",
    arguments: RegionMode.tested)
  func lockAndCounter(
    _ mode: RegionMode
  ) async throws {
    let pages = 32
    let region = try MemoryRegion(
      pages: pages, mode)
    let seed = SeededGenerator.seeds[2]
    let counts = runsLongTests ? 50_000 : 8000
    let running = Shared(4)
    try await onThreads(5) { index in
      guard index < 4 else {
        var last: UInt64 = 0
        while running.now > 0 {
          let snapshot = try region.makeSnapshot()
          let sum = try (0..<pages).reduce(into: UInt64(0)) { $0 += try snapshot.counter($1) }
          #expect(sum >= last && sum <= UInt64(4 * counts))
          last = sum
        }
        return
      }
      defer { running.value.subtract(1, ordering: .acquiringAndReleasing) }
      var random = SeededGenerator(seed: seed &+ UInt64(index))
      for _ in 0..<counts { region.countUnderLock(page: random.below(pages)) }
    }
    let sum = (0..<pages).reduce(0) { $0 + region.load(at: $1 * pageSize + 64) }
    #expect(sum == UInt64(4 * counts), "seed \(seed)")
  }
}

extension MemoryRegion {
  /// Adds one to the counter of a page, under the lock at its start.
  fileprivate func countUnderLock(page: Int) {
    let lock = unsafe (baseAddress + page * pageSize)
      .assumingMemoryBound(to: Atomic<UInt64>.self)
    while unsafe !lock.pointee.compareExchange(
      expected: 0, desired: 1, ordering: .acquiringAndReleasing
    ).exchanged { sched_yield() }
    let offset = page * pageSize + 64
    store(load(at: offset) + 1, at: offset)
    unsafe lock.pointee.store(0, ordering: .releasing)
  }
}

extension MemorySnapshot {
  fileprivate func counter(_ page: Int) throws -> UInt64 {
    var word: UInt64 = 0
    let start = page * pageSize + 64
    try unsafe withUnsafeMutableBytes(of: &word) {
      try unsafe copyBytes(in: start..<start + 8, into: $0)
    }
    return word
  }
}
