import MemorySnapshots
import SnapshotStress
import Testing

@Suite("Consistent cut", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct ConsistentCutTests {
  /// A writer stamps its pages with growing numbers, in a random order that repeats: a snapshot that
  /// holds stamp n holds the last stamp before n of every other page too.
  struct Stamps: Sendable {
    let pages: [Int]

    init(_ pages: Range<Int>, seed: UInt64) {
      var random = SeededGenerator(seed: seed)
      self.pages = pages.shuffled(using: &random)
    }

    func page(ofStamp stamp: Int) -> Int { pages[stamp % pages.count] }

    func isConsistent(_ wordOfPage: (Int) throws -> UInt64) rethrows -> Bool {
      let stamps = try pages.map { Int(try wordOfPage($0)) }
      guard let newest = stamps.max() else { return false }
      return stamps.indices.allSatisfy { position in
        let age = (newest - position) % pages.count
        return stamps[position] == max(newest - (age + pages.count) % pages.count, 0)
      }
    }
  }

  static let pagesPerWriter = 48
  static let handOverPages = 2

  @Test(
    "Every snapshot holds all writes before those that it holds, in each thread and across a hand-over",
    arguments: RegionMode.tested)
  func stamps(_ mode: RegionMode) async throws {
    let seed = SeededGenerator.seeds[2]
    let count = ConsistentCutTests.pagesPerWriter
    let region = try MemoryRegion(pages: 2 * count + 2, mode)
    let writers = (0..<2).map { Stamps($0 * count..<($0 + 1) * count, seed: seed &+ UInt64($0)) }
    let stop = Shared(false)
    let turn = Shared(0)
    // A thread that throws must end the others too.
    try await onThreads(5) { index in
      defer { stop.set() }
      switch index {
      case 0, 1:
        var stamp = 1
        while !stop.isSet {
          region.set(writers[index].page(ofStamp: stamp), to: UInt64(stamp))
          stamp += 1
        }
      case 2, 3:
        handOver(region, firstPage: 2 * count, side: index - 2, turn, stop)
      default:
        try takeAndCheck(region, writers, seed)
      }
    }
  }

  /// Two threads take turns: the first writes a number to one page, the second then to the other.
  private func handOver(
    _ region: MemoryRegion, firstPage: Int, side: Int, _ turn: Shared<Int>, _ stop: Shared<Bool>
  ) {
    while !stop.isSet {
      let now = turn.now
      guard now % 2 == side else {
        yieldThread()
        continue
      }
      region.set(firstPage + side, to: UInt64(now / 2 + 1))
      turn.advance(to: now + 1)
    }
  }

  private func takeAndCheck(_ region: MemoryRegion, _ writers: [Stamps], _ seed: UInt64) throws {
    var kept: [MemorySnapshot] = []
    for round in 0..<(runsLongTests ? 500 : 75) {
      let snapshot = try region.makeSnapshot()
      let view = try snapshot.makeView()
      kept.append(snapshot)
      #expect(
        try isConsistent(writers) { try snapshot.word(ofPage: $0) },
        "copyBytes, round \(round), seed \(seed)")
      #expect(
        isConsistent(writers) { view.word(ofPage: $0) }, "view, round \(round), seed \(seed)")
      if kept.count == 8 {
        // Long overwritten, and still the same.
        let old = kept.remove(at: 0)
        #expect(
          try isConsistent(writers) { try old.word(ofPage: $0) },
          "old snapshot, round \(round), seed \(seed)")
        old.release()
      }
    }
  }

  private func isConsistent(
    _ writers: [Stamps], _ wordOfPage: (Int) throws -> UInt64
  ) rethrows -> Bool {
    let first = 2 * ConsistentCutTests.pagesPerWriter
    let before = try wordOfPage(first)
    let after = try wordOfPage(first + 1)
    guard before == after || before == after + 1 else { return false }
    return try writers.allSatisfy { try $0.isConsistent(wordOfPage) }
  }
}
