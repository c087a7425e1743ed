import CTestSupport
import Foundation
import MemorySnapshots
import SnapshotStress
import Synchronization
import Testing

@Suite("Faults while a lock is held", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct LockTests {
  /// One thread's arena is the region: that thread and another, which frees what it has allocated,
  /// write to it with the arena's lock held. A third takes snapshots, with an arena of its own.
  @Test(
    "malloc may fault in its own arena, with its lock held, while snapshots are taken",
    arguments: RegionMode.tested(.anonymous))
  func mallocLock(_ mode: RegionMode) async {
    await #expect(processExitsWith: .success) { [mode] in
      endIfHanging()
      test_support_keep_arenas()
      let arena = Shared(UInt(0))
      let isProtected = Shared(false)
      let stop = Shared(false)
      let exchange = (0..<64).map { _ in Shared(UInt(0)) }
      try await onThreads(3) { index in
        defer { stop.set() }
        switch index {
        case 0:
          // The arena grows by this block; once it is free, the next ones come from its memory.
          let block = unsafe malloc(24 << 20)
          arena.value.store(UInt(bitPattern: block), ordering: .releasing)
          while !isProtected.isSet, !stop.isSet { yieldThread() }
          unsafe free(block)
          unsafe LockTests.exchangeBlocks(exchange, until: stop) {
            unsafe malloc(2000 + $0 % 100_000)
          }
        case 1:
          unsafe LockTests.exchangeBlocks(exchange, until: stop) { _ in nil }
        default:
          while arena.value.load(ordering: .acquiring) == 0 { yieldThread() }
          let page = UInt(pageSize)
          let start = (arena.value.load(ordering: .acquiring) + page) & ~(page - 1)
          try LockTests.takeSnapshots(start..<start + (16 << 20), mode, isProtected)
        }
      }
    }
  }

  private static func takeSnapshots(
    _ arena: Range<UInt>, _ mode: RegionMode, _ isProtected: Shared<Bool>
  ) throws {
    let memory = unsafe UnsafeMutableRawBufferPointer(
      start: UnsafeMutableRawPointer(bitPattern: arena.lowerBound), count: arena.count)
    let region = try unsafe MemoryRegion(adopting: memory, options: mode.options)
    // Until malloc has written to its blocks' sizes, which are all that anybody writes, often.
    while region.statistics.writeFaults < 500 {
      let snapshot = try region.makeSnapshot()
      isProtected.set()
      let first = try snapshot.bytes(in: 0..<64 * pageSize)
      #expect(areEqual(try snapshot.bytes(in: 0..<64 * pageSize), first))
    }
  }

  /// Puts blocks of one thread in a place from where the other takes and frees them. All are too
  /// large for a thread's own cache: each call takes the arena's lock.
  private static func exchangeBlocks(
    _ exchange: [Shared<UInt>], until stop: Shared<Bool>,
    _ allocate: (Int) -> UnsafeMutableRawPointer?
  ) {
    var random = SeededGenerator(seed: 1)
    while !stop.isSet {
      let block = UInt(bitPattern: unsafe allocate(random.below(1 << 20)))
      let place = exchange[random.below(exchange.count)]
      let old = place.value.exchange(block, ordering: .acquiringAndReleasing)
      unsafe free(UnsafeMutableRawPointer(bitPattern: old))
    }
  }

  @Test(
    "A lock of the application's may be held while faulting, and asked for by all the others",
    arguments: RegionMode.tested)
  func applicationLock(_ mode: RegionMode) async throws {
    let region = try MemoryRegion(pages: 64, mode)
    let lock = Lock()
    let stop = Shared(false)
    try await onThreads(4) { index in
      defer { stop.set() }
      if index == 0 {
        for _ in 0..<300 {
          // The lock makes a whole of what the writers do: a snapshot under it is of one round.
          let snapshot = try lock.withLock { try region.makeSnapshot() }
          let words = try (0..<64).map { try snapshot.word(ofPage: $0) }
          #expect(Set(words).count == 1)
        }
      } else {
        var round = UInt64(index) << 32
        while !stop.isSet {
          round += 1
          lock.withLock { for page in 0..<64 { region.set(page, to: round) } }
        }
      }
    }
  }

  private final class Lock: Sendable {
    private let mutex = Mutex(())
    func withLock<Value>(_ body: () throws -> sending Value) rethrows -> sending Value {
      try mutex.withLock { _ in try body() }
    }
  }
}
