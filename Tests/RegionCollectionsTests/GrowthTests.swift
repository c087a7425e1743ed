import MemorySnapshots
import Testing

@testable import RegionCollections

@Suite("Growth of tables in small steps")
struct GrowthTests {
  /// A snapshot for each insertion takes a while.
  private static let count = LongRun.isMade ? 3000 : 100

  /// The most pages of 4096 bytes that one insertion changed.
  private func mostPages(
    _ heap: inout RegionHeap, _ count: Int, _ insert: (inout RegionHeap, Int) throws -> Void
  ) throws -> Int {
    var most = 0
    var last = try heap.makeSnapshot()
    for number in 0..<count {
      try insert(&heap, number)
      let now = try heap.makeSnapshot()
      let ranges = try now.memorySnapshot.changedRanges(since: last.memorySnapshot)
      most = max(most, ranges.reduce(0) { $0 + ($1.count + 4095) / 4096 })
      last.release()
      last = now
    }
    return most
  }

  @Test("No insertion into a dictionary or a table dirties more than eight pages")
  func pages() throws {
    var heap = try RegionHeap(byteCount: 64 << 20)
    let dictionary = try heap.dictionary(from: Int.self, to: Int.self, named: "d")
    for number in 0..<30_000 { try heap[dictionary].updateValue(number, forKey: number) }
    let most = try mostPages(&heap, GrowthTests.count) { heap, number in
      try heap[dictionary].updateValue(number, forKey: 1_000_000 + number)
    }
    print("dictionary: \(most) pages")
    #expect(most <= 8)
    let table = try heap.table(named: "t")
    let value = String(repeating: "v", count: 60)
    for number in 0..<30_000 { try heap[table].updateValue(value, forKey: "key \(number)") }
    let mostOfTable = try mostPages(&heap, GrowthTests.count) { heap, number in
      try heap[table].updateValue(value, forKey: "other \(number)")
    }
    print("table: \(mostOfTable) pages")
    #expect(mostOfTable <= 8)
  }
}
