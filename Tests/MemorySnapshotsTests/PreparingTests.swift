import MemorySnapshots
import Testing

@Suite("prepareToWrite", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct PreparingTests {
  @Test(
    "Several ranges are prepared at once, in any order and overlapping",
    arguments: RegionMode.tested(guessing: false))
  func manyRanges(_ mode: RegionMode) throws {
    let region = try MemoryRegion(pages: 64, mode)
    region.fillPages(0..<64, with: 1)
    let snapshot = try region.makeSnapshot()
    let ranges = [
      40 * pageSize..<44 * pageSize, 3 * pageSize + 5..<5 * pageSize + 1,
      5 * pageSize..<6 * pageSize,
      41 * pageSize..<42 * pageSize, 9..<9, 0..<1,
    ]
    let touched = [0, 3, 4, 5, 40, 41, 42, 43]
    try region.prepareToWrite(ranges)
    #expect(region.statistics.pagesCopied.byIntent == touched.count)
    for page in touched { region[page] = 2 }
    #expect(region.statistics.writeFaults == 0)
    region[6] = 2
    #expect(region.statistics.writeFaults == 1)
    try region.prepareToWrite(EmptyCollection())
    #expect(try snapshot.bytes(in: 0..<region.byteCount).allSatisfy { $0 == 1 })
  }

  @Test(
    "If one range is outside the region, none is prepared",
    arguments: RegionMode.tested(guessing: false))
  func oneOutside(_ mode: RegionMode) throws {
    let region = try MemoryRegion(pages: 8, mode)
    region.fillPages(0..<8, with: 1)
    let snapshot = try region.makeSnapshot()
    let error = #expect(throws: SnapshotError.self) {
      try region.prepareToWrite([0..<pageSize, 7 * pageSize..<8 * pageSize + 1])
    }
    #expect(error?.code == .invalidArgument)
    #expect(region.statistics.pagesCopied.byIntent == 0)
    snapshot.release()
  }

  @Test(
    "A closure that writes to prepared memory keeps its own error", arguments: RegionMode.tested)
  func closures(_ mode: RegionMode) throws {
    struct Torn: Error, Equatable {}
    let region = try MemoryRegion(pages: 2, mode)
    let error = #expect(throws: ClosureError<Torn>.self) {
      try unsafe region.withPreparedBytes(0..<8) { _ throws(Torn) in throw Torn() }
    }
    #expect(error == .closure(Torn()))
    var code: SnapshotError.Code?
    do {
      try unsafe region.withPreparedBytes(0..<3 * pageSize) { _ in }
    } catch .snapshot(let error) {
      code = error.code
    }
    #expect(code == .invalidArgument)
    #expect(try unsafe region.withPreparedBytes(4..<12) { $0.count } == 8)
  }
}
