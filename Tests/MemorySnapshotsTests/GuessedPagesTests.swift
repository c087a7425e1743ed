@testable import MemorySnapshots
import SnapshotStress
import Testing

/// Pages that are preserved before anybody writes to them: ahead of a stream of writes, or because
/// they are written to again and again.
@Suite("Pages preserved on a guess", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct GuessedPagesTests {
  @Test(
    "A writer that goes through the region takes a fraction of the faults",
    arguments: RegionMode.tested(guessing: true))
  func streams(
    _ mode: RegionMode
  ) throws {
    let pages = 4096
    let region = try MemoryRegion(
      pages: pages, mode)
    region.fillPages(0..<pages, with: 1)
    let snapshot = try region.makeSnapshot()
    for page in 0..<pages { region[page] = 2 }
    let statistics = region.statistics
    #expect(statistics.writeFaults < pages / 4)
    #expect(statistics.pagesCopied.ahead > pages / 2)
    #expect(statistics.pagesAhead.used > pages / 2)
    #expect(try snapshot.bytes(in: 0..<region.byteCount).allSatisfy { $0 == 1 })
  }

  @Test(
    "Four streams at once are told apart", arguments: RegionMode.tested(guessing: true))
  func interleavedStreams(_ mode: RegionMode) throws {
    let length = 512
    let region = try MemoryRegion(pages: 4 * length, mode)
    region.fillPages(0..<4 * length, with: 1)
    let snapshot = try region.makeSnapshot()
    for page in 0..<length {
      for stream in 0..<4 { region[stream * length + page] = 2 }
    }
    #expect(region.statistics.writeFaults < length)
    #expect(try snapshot.bytes(in: 0..<region.byteCount).allSatisfy { $0 == 1 })
  }

  @Test(
    "Random writers have nothing preserved ahead of them",
    arguments: RegionMode.tested(guessing: true))
  func randomWrites(_ mode: RegionMode) throws {
    var random = SeededGenerator(seed: 11)
    let pages = 4096
    let region = try MemoryRegion(pages: pages, mode)
    region.fillPages(0..<pages, with: 1)
    let snapshot = try region.makeSnapshot()
    // Every other page, so that no page follows its neighbour.
    for page in (0..<pages / 2).shuffled(using: &random) { region[2 * page] = 2 }
    #expect(region.statistics.pagesCopied.ahead == 0)
    #expect(region.statistics.writeFaults == pages / 2)
    snapshot.release()
  }

  @Test(
    "Switched off, every page takes its own fault", arguments: RegionMode.tested(guessing: false))
  func switchedOff(_ mode: RegionMode) throws {
    let pages = 256
    let region = try MemoryRegion(pages: pages, mode)
    region.fillPages(0..<pages, with: 1)
    for round in 0..<4 {
      let snapshot = try region.makeSnapshot()
      for page in 0..<pages { region[page] = UInt64(round) }
      snapshot.release()
    }
    #expect(region.statistics.writeFaults == 4 * pages)
    #expect(region.statistics.hotPages.budget == 0)
  }

  @Test(
    "A page that was only guessed is not reported as changed",
    arguments: RegionMode.tested(guessing: true))
  func changes(_ mode: RegionMode) throws {
    let region = try MemoryRegion(pages: 128, mode)
    region.fillPages(0..<128, with: 1)
    let first = try region.makeSnapshot()
    for page in 10..<14 { region[page] = 2 }
    #expect(region.statistics.pagesCopied.ahead > 0)
    #expect(try region.changedRanges(since: first) == [10 * pageSize..<14 * pageSize])
    let second = try region.makeSnapshot()
    region[100] = 3
    #expect(try second.changedRanges(since: first) == [10 * pageSize..<14 * pageSize])
    #expect(try region.changedRanges(since: second) == [100 * pageSize..<101 * pageSize])
  }

  @Test("Before two intervals are over, nothing recurs, and no page is looked at")
  func firstIntervals() {
    let hotPages = HotPageGuesses(isEnabled: true, budget: 8)
    for epoch in 1...2 as ClosedRange<UInt64> {
      hotPages.begin(epoch: epoch)
      #expect(hotPages.nextPage == nil, "epoch \(epoch)")
    }
    hotPages.begin(epoch: 3)
    #expect(hotPages.nextPage == 0)
  }

  @Test(
    "Pages that are written to in every interval are preserved before their writers come back",
    arguments: RegionMode.tested(guessing: true))
  func hotPages(_ mode: RegionMode) async throws {
    var random = SeededGenerator(seed: 5)
    let region = try MemoryRegion(pages: 4096, mode)
    region.fillPages(0..<4096, with: 1)
    let hot = Array((0..<2048).shuffled(using: &random).prefix(64)).map { 2 * $0 }
    var previous = try region.makeSnapshot()
    for round in 1...12 {
      for page in hot { region[page] = UInt64(round) }
      let before = region.statistics.pagesCopied.whileHot
      let next = try region.makeSnapshot()
      for page in hot { #expect(try next.word(ofPage: page) == UInt64(round)) }
      // Nothing is guessed in every fourth interval, nor before a page has recurred.
      if round > 2, (round + 1) % 4 != 0 {
        #expect(
          await eventually {
            region.statistics.pagesCopied.whileHot >= before + hot.count
          })
      }
      // Not before: pages whose versions are being let go of are not guessed.
      previous.release()
      previous = next
    }
    for page in hot { #expect(try previous.word(ofPage: page) == 12) }
  }
}
