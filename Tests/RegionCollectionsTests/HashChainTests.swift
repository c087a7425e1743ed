import MemorySnapshots
import Testing

@testable import RegionCollections

/// A key with one of few hashes.
private struct CrowdedKey: RegionKey {
  static let hashCount: UInt64 = 7

  var value: UInt64

  func hash(seed: UInt64) -> UInt64 { (value % CrowdedKey.hashCount).hash(seed: seed) }
}

/// The same with a value that does not fit into a bucket.
private struct LargeValue: BitwiseCopyable, Equatable {
  var words: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)

  init(_ value: UInt64) {
    words = (value, value, value, value, value, value, value, value, value)
  }

  static func == (left: LargeValue, right: LargeValue) -> Bool {
    left.words.0 == right.words.0 && left.words.8 == right.words.8
  }
}

@Suite("Chains of overflow buckets")
struct HashChainTests {
  /// Fills a dictionary, in chains of up to a hundred entries, and empties it again. All is checked after each
  /// step in the course of which buckets were split or joined.
  private func fillAndEmpty<Value: BitwiseCopyable & Equatable>(
    _ make: (UInt64) -> Value
  ) throws {
    let count: UInt64 = 700
    var heap = try RegionHeap(byteCount: 16 << 20)
    let dictionary = try heap.makeDictionary(from: CrowdedKey.self, to: Value.self)
    func check(_ range: Range<UInt64>) throws {
      try heap.checkConsistency()
      #expect(heap[dictionary].count == range.count)
      for value in range {
        let found = heap[dictionary][CrowdedKey(value: value)]
        #expect(found == make(value), "of \(value) in \(range)")
      }
    }
    for value in 0..<count {
      try heap[dictionary].updateValue(make(value), forKey: CrowdedKey(value: value))
      if value % 5 == 0 || value < 100 { try check(0..<value + 1) }
    }
    for value in 0..<count {
      #expect(heap[dictionary].removeValue(forKey: CrowdedKey(value: value)) == make(value))
      if value % 5 == 0 || value > count - 100 { try check(value + 1..<count) }
    }
  }

  @Test("Entries in long chains are found while buckets are split and joined")
  func inBuckets() throws {
    try fillAndEmpty { $0 }
  }

  @Test("The same of entries that are blocks of their own")
  func blocks() throws {
    try fillAndEmpty { LargeValue($0) }
  }
}
