import MemorySnapshots
import SnapshotStress
import Testing

@Suite("Everything at once", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct ConcurrencyTests {
  /// Each page holds the same word at its start and its end, but for the moment of a write.
  private static let pages = 96

  @Test(
    "Writers, readers, snapshots, restores and releases at once leave each snapshot unchanging",
    arguments: RegionMode.tested)
  func everything(_ mode: RegionMode) async throws {
    let region = try MemoryRegion(
      pages: ConcurrencyTests.pages, mode)
    let stop = Shared(false)
    let latest = SharedSnapshot()
    let seed = SeededGenerator.seeds[2]
    try await onThreads(7) { index in
      defer { stop.set() }
      var random = SeededGenerator(seed: seed &+ UInt64(index))
      switch index {
      case 0, 1:
        while !stop.isSet {
          region.set(random.below(ConcurrencyTests.pages), to: random.next())
        }
      case 2: try readAgain(latest, stop)
      case 3: try viewAgain(latest, stop)
      case 4:
        while !stop.isSet {
          if let snapshot = latest.current { try tolerate { try region.restore(to: snapshot) } }
        }
      case 5:
        while !stop.isSet {
          let page = random.below(ConcurrencyTests.pages)
          try region.prepareToWrite(page * pageSize..<(page + 1) * pageSize)
          latest.current?.release()
          if random.below(8) == 0 { try region.discard(page * pageSize..<(page + 1) * pageSize) }
        }
      default:
        for _ in 0..<(runsLongTests ? 10_000 : 3000) { latest.current = try region.makeSnapshot() }
      }
    }
    latest.current = nil
    #expect(region.statistics.snapshotsLive == 0, "seed \(seed)")
    #expect(region.statistics.preservedBytes == 0, "seed \(seed)")
  }

  /// A snapshot read twice is the same twice.
  private func readAgain(_ latest: SharedSnapshot, _ stop: Shared<Bool>) throws {
    while !stop.isSet {
      guard let snapshot = latest.current else { continue }
      try tolerate {
        let all = 0..<snapshot.byteCount
        let first = try snapshot.bytes(in: all)
        #expect(areEqual(first, try snapshot.bytes(in: all)))
      }
    }
  }

  /// A view stays as it is, and agrees with `copyBytes`.
  private func viewAgain(_ latest: SharedSnapshot, _ stop: Shared<Bool>) throws {
    while !stop.isSet {
      guard let snapshot = latest.current else { continue }
      try tolerate {
        let view = try snapshot.makeView()
        let first = view.bytes(in: 0..<snapshot.byteCount)
        #expect(areEqual(first, view.bytes(in: 0..<snapshot.byteCount)))
        #expect(areEqual(first, try snapshot.bytes(in: 0..<snapshot.byteCount)))
      }
    }
  }

  /// Others release snapshots as they like.
  private func tolerate(_ body: () throws -> Void) throws {
    do {
      try body()
    } catch let error as SnapshotError where error.code == .released {
    }
  }

  @Test(
    "Many threads that fault on one page at once all go on, and the page is copied once",
    arguments: RegionMode.tested)
  func duplicateFaults(_ mode: RegionMode) async throws {
    let region = try MemoryRegion(pages: 1, mode)
    region[0] = 1
    let threads = 8
    let rounds = runsLongTests ? 500 : 100
    let barrier = Barrier(threads)
    let snapshots = SharedSnapshot()
    try await onThreads(threads) { index in
      for round in 0..<rounds {
        if index == 0 { snapshots.current = try region.makeSnapshot() }
        barrier.wait()
        region.store(UInt64(round + 2), at: 8 * index)
        barrier.wait()
        if index == 0 {
          let expected = round == 0 ? 1 : UInt64(round + 1)
          #expect(try snapshots.current?.word(ofPage: 0) == expected)
        }
      }
    }
    snapshots.current = nil
    let copied = region.statistics.pagesCopied
    #expect(copied.byFaults + copied.whileHot == rounds)
    #expect(region.statistics.writeFaults == copied.byFaults)
    #expect(mode.preservesHotPages || copied.whileHot == 0)
  }
}
