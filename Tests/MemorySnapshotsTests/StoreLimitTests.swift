import Glibc
import SnapshotStress
import Synchronization
import Testing

@testable import MemorySnapshots

@Suite("Store limit", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct StoreLimitTests {
  private static func region(
    _ mode: RegionMode, limit: Int, _ policy: MemoryRegion.StorePolicy, pages: Int = 64
  ) throws -> MemoryRegion {
    let region = try MemoryRegion(pages: pages, mode) {
      $0.storeLimit = limit * pageSize
      $0.whenStoreIsFull = policy
    }
    region.fillPages(0..<pages, with: 1)
    return region
  }

  @Test("A guess leaves the last quarter of the limit to faults, and nobody waits for it")
  func guessLeavesRoom() {
    let keeper = KeeperCall()
    defer { keeper.deallocate() }
    let limit = StoreLimit(pageLimit: 8, blocksWritersWhenFull: false, keeper)
    let guesses = (0..<7).map { _ in limit.reservePage(isGuess: true) }
    #expect(guesses == [1, 2, 3, 4, 5, 6, nil])
    let isHitByGuess = limit.takeLimitHit()
    #expect(!isHitByGuess)
    let faults = (0..<3).map { _ in limit.reservePage(isGuess: false) }
    #expect(faults == [7, 8, nil])
    let isHit = limit.takeLimitHit()
    #expect(isHit)
    let kept = limit.keptPages.load(ordering: .relaxed)
    #expect(kept == 8)
  }

  @Test(
    "A full store gives up the oldest snapshot, keeps the newer ones, and never stops a writer",
    arguments: RegionMode.tested)
  func invalidatesOldest(_ mode: RegionMode) async throws {
    let region = try StoreLimitTests.region(mode, limit: 8, .invalidateOldestSnapshot)
    let oldest = try region.makeSnapshot()
    try await onThread { region.fillPages(0..<6, with: 2) }
    let newer = try region.makeSnapshot()
    try await onThread { region.fillPages(10..<16, with: 3) }
    #expect(oldest.isInvalidated)
    #expect(!newer.isInvalidated)
    #expect { try oldest.bytes(in: 0..<1) } throws: { ($0 as? SnapshotError)?.code == .invalidated }
    #expect { _ = try oldest.makeView() } throws: { ($0 as? SnapshotError)?.code == .invalidated }
    #expect { try region.restore(to: oldest) } throws: {
      ($0 as? SnapshotError)?.code == .invalidated
    }
    #expect(try newer.bytes(in: 0..<1) == [2])
    #expect(try newer.bytes(in: 10 * pageSize..<10 * pageSize + 1) == [1])
    #expect(region.statistics.snapshotsInvalidated == 1)
    #expect(region.statistics.preservedBytes <= 8 * pageSize)
    #expect(region.statistics.mostPreservedBytes <= 8 * pageSize)
    oldest.release()
    #expect { try oldest.bytes(in: 0..<1) } throws: { ($0 as? SnapshotError)?.code == .released }
  }

  @Test(
    "A snapshot whose view is open is kept, whatever the limit",
    arguments: RegionMode.tested)
  func viewKeepsSnapshot(_ mode: RegionMode) async throws {
    let region = try StoreLimitTests.region(mode, limit: 4, .invalidateOldestSnapshot)
    let snapshot = try region.makeSnapshot()
    var view: SnapshotView? = try snapshot.makeView()
    try await onThread { region.fillPages(0..<64, with: 2) }
    #expect(!snapshot.isInvalidated)
    let bytes = try #require(view).bytes(in: 0..<region.byteCount)
    #expect(areEqual(bytes, [UInt8](repeating: 1, count: region.byteCount)))
    view = nil
    // Without the view, the limit holds again.
    let next = try region.makeSnapshot()
    try await onThread { region.fillPages(0..<64, with: 3) }
    #expect(snapshot.isInvalidated)
    next.release()
  }

  @Test(
    "A view lifts the limit for its own snapshot, not for those taken later",
    arguments: RegionMode.tested)
  func viewDoesNotKeepLaterSnapshots(_ mode: RegionMode) async throws {
    let region = try StoreLimitTests.region(mode, limit: 4, .invalidateOldestSnapshot)
    let viewed = try region.makeSnapshot()
    let view = try viewed.makeView()
    try await onThread { region.fillPages(0..<64, with: 2) }
    let later = try region.makeSnapshot()
    try await onThread { region.fillPages(0..<64, with: 3) }
    #expect(later.isInvalidated)
    #expect(!viewed.isInvalidated)
    #expect(view.bytes(in: 0..<1) == [1])
  }

  @Test(
    "With blocking writers, a writer waits until a snapshot is released",
    arguments: RegionMode.tested)
  func blocksWriters(_ mode: RegionMode) async throws {
    let region = try StoreLimitTests.region(mode, limit: 4, .blockWriters)
    let snapshot = try region.makeSnapshot()
    let written = Shared(0)
    let writer = startThread {
      for page in 0..<64 {
        region.set(page, to: 7)
        written.increment()
      }
    }
    // The writer is put aside when the store is full, and no page later. It may have been before, for
    // slots that the keeper had not made yet.
    #expect(await eventually { written.now >= 4 && region.statistics.parkedFaults > 0 })
    #expect(written.now == 4)
    #expect(try snapshot.bytes(in: 0..<region.byteCount).allSatisfy { $0 == 1 })
    #expect(!snapshot.isInvalidated)
    snapshot.release()
    try await writer.value
    #expect(written.now == 64)
    #expect(region.statistics.mostPreservedBytes <= 4 * pageSize)
  }

  @Test(
    "With blocking writers, write intents wait too, and go on when a snapshot is released",
    arguments: RegionMode.tested)
  func blocksIntents(_ mode: RegionMode) async throws {
    let region = try StoreLimitTests.region(mode, limit: 4, .blockWriters)
    let snapshot = try region.makeSnapshot()
    let intent = startThread { try region.prepareToWrite(0..<region.byteCount) }
    #expect(await eventually { region.statistics.pagesCopied.byIntent == 4 })
    snapshot.release()
    try await intent.value
  }

  @Test(
    "A limit of nothing invalidates at the first pre-image, but keeps zero pages",
    arguments: RegionMode.tested)
  func limitOfNothing(_ mode: RegionMode) async throws {
    let region = try StoreLimitTests.region(mode, limit: 0, .invalidateOldestSnapshot)
    region.fillPages(0..<1, with: 0)
    let snapshot = try region.makeSnapshot()
    try await onThread { region.set(0, to: 1) }
    #expect(!snapshot.isInvalidated)
    try await onThread { region.set(1, to: 1) }
    #expect(snapshot.isInvalidated)
  }

  @Test(
    "Restoring a snapshot does not wait for ever when only views keep the others",
    arguments: RegionMode.tested)
  func restoreUnderLimit(_ mode: RegionMode) async throws {
    let region = try StoreLimitTests.region(mode, limit: 16, .invalidateOldestSnapshot)
    let first = try region.makeSnapshot()
    try await onThread { region.fillPages(0..<12, with: 2) }
    let second = try region.makeSnapshot()
    let view = try second.makeView()
    try await onThread { try region.restore(to: first) }
    #expect(region.bytes(in: 0..<1) == [1])
    #expect(view.bytes(in: 0..<1) == [2])
    #expect(!first.isInvalidated)
  }

  @Test(
    "Snapshots that come and go while the store is full neither crash nor leak",
    arguments: RegionMode.tested)
  func invalidationRacesWithRelease(_ mode: RegionMode) async throws {
    let region = try StoreLimitTests.region(mode, limit: 2, .invalidateOldestSnapshot)
    let stop = Shared(false)
    try await onThreads(4) { index in
      defer { stop.set() }
      if index == 0 {
        for _ in 0..<(runsLongTests ? 15_000 : 2000) {
          let snapshot = try region.makeSnapshot()
          _ = try? snapshot.bytes(in: 0..<1)
        }
      } else {
        var random = SeededGenerator(seed: UInt64(index))
        while !stop.isSet { region.set(random.below(64), to: random.next()) }
      }
    }
    #expect(region.statistics.snapshotsLive == 0)
    #expect(region.statistics.preservedBytes == 0)
  }

  @Test("A guess for which there is no slot leaves no writer asleep who faulted meanwhile")
  func guessWithoutSlotWakes() async throws {
    let mode = RegionMode(backing: .anonymous, preservesAhead: false)
    let region = try StoreLimitTests.region(mode, limit: 8, .invalidateOldestSnapshot)
    let rounds = runsLongTests ? 100_000 : 10_000
    let turn = Shared(0)
    let written = Shared(0)
    try await onThreads(2) { index in
      if index == 0 {
        for round in 1...rounds {
          let older = try region.makeSnapshot()
          // Recurring pages, which the keeper preserves once there is a newer snapshot, and more of
          // them than the store has room for.
          for page in [0, 1, 2, 3, 20] { region.set(page, to: UInt64(round)) }
          let newer = try region.makeSnapshot()
          turn.advance(to: round)
          while written.now < round { sched_yield() }
          for page in 0..<3 { region.set(page, to: UInt64(round)) }
          older.release()
          newer.release()
        }
      } else {
        var random = SeededGenerator(seed: 1)
        for round in 1...rounds {
          while turn.now < round { sched_yield() }
          for _ in 0..<random.below(30_000) { _ = turn.now }
          region.set(3, to: UInt64(round))
          written.advance(to: round)
        }
      }
    }
    #expect(region.statistics.preservedBytes == 0)
  }

  @Test(
    "Without a limit, a burst of writes invalidates nothing, however busy the keeper is",
    arguments: RegionMode.tested)
  func burstInvalidatesNothing(_ mode: RegionMode) async throws {
    let pages = 24_000
    let region = try MemoryRegion(pages: pages, mode)
    let other = try MemoryRegion(pages: 16_384 * 2)
    region.fill(0..<region.byteCount, with: 1)
    other.fill(0..<other.byteCount, with: 1)
    let stop = Shared(false)
    try await onThreads(2) { index in
      defer { stop.set() }
      if index == 0 {
        for _ in 0..<8 {
          let snapshot = try region.makeSnapshot()
          try region.prepareToWrite(0..<region.byteCount)
          #expect(!snapshot.isInvalidated)
        }
      } else {
        while !stop.isSet { try other.makeSnapshot().release() }
      }
    }
    #expect(region.statistics.snapshotsInvalidated == 0)
  }

  @Test(
    "A write amid a use of the only snapshot, as a signal handler makes, is not stopped by the limit",
    arguments: RegionMode.tested)
  func writeAmidUse(_ mode: RegionMode) async {
    await #expect(processExitsWith: .success) { [mode] in
      let watchdog = Watchdog()
      let region = try StoreLimitTests.region(mode, limit: 4, .invalidateOldestSnapshot)
      for round in 0..<3 {
        watchdog.beat("round \(round)")
        let snapshot = try region.makeSnapshot()
        try snapshot.beginUse("test")
        region.fillPages(0..<64, with: UInt8(2 + round))
        #expect(!snapshot.isInvalidated)
        snapshot.endUse()
        // The limit is put back: what comes next is given up.
        #expect(await eventually { !region.state.value.storeLimit.givesWay })
        let next = try region.makeSnapshot()
        region.fillPages(0..<64, with: 1)
        #expect(snapshot.isInvalidated && next.isInvalidated)
      }
    }
  }

  @Test(
    "While a snapshot is in use, as by a roll-back, writers wait for room and do not exceed the limit",
    arguments: RegionMode.tested(guessing: false))
  func waitForUse(_ mode: RegionMode) async throws {
    let region = try StoreLimitTests.region(mode, limit: 4, .invalidateOldestSnapshot)
    // However long this thread is kept from its processor.
    region.state.value.storeLimit.patience.store(.max, ordering: .relaxed)
    let snapshot = try region.makeSnapshot()
    try snapshot.beginUse("test")
    let written = Shared(0)
    let writer = startThread {
      for page in 0..<64 {
        region.set(page, to: 7)
        written.increment()
      }
    }
    #expect(await eventually { written.now >= 4 && region.statistics.parkedFaults > 0 })
    #expect(written.now == 4)
    #expect(try snapshot.bytes(in: 0..<region.byteCount).allSatisfy { $0 == 1 })
    snapshot.endUse()
    try await writer.value
    #expect(snapshot.isInvalidated)
    #expect(region.statistics.mostPreservedBytes <= 4 * pageSize)
  }

  @Test("Room that guesses reserve and give back goes to those who wait for it")
  func unusedRoom() async {
    await #expect(processExitsWith: .success) {
      let watchdog = Watchdog()
      // Outlive the regions.
      var mappings: [TestMapping] = []
      var options = RegionMode(backing: .anonymous, delivery: .inline).options
      options.storeLimit = 64 * pageSize
      options.whenStoreIsFull = .blockWriters
      for round in 0..<(200) {
        watchdog.beat("round \(round)")
        // Never written to before: pages of zeros, which take no room in the end.
        let memory = try TestMapping(.anonymous, pages: 256)
        mappings.append(memory)
        let region = try unsafe MemoryRegion(adopting: memory.buffer, options: options)
        let snapshot = try region.makeSnapshot()
        let barrier = Barrier(2)
        try await onThreads(2) { index in
          barrier.wait()
          for page in index * 128..<(index + 1) * 128 { region[page] = UInt64(round + 1) }
        }
        #expect(try snapshot.word(ofPage: 255) == 0)
      }
    }
  }
}
