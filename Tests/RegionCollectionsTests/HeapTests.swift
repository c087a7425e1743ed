import MemorySnapshots
import Testing

@testable import RegionCollections

@Suite("Heaps")
struct HeapTests {
  @Test("A handle of another heap, of a removed array or of a later time stops the process")
  func staleHandles() async {
    await #expect(processExitsWith: .failure) {
      var one = try RegionHeap(byteCount: 1 << 20)
      let other = try RegionHeap(byteCount: 1 << 20)
      let array = try one.makeArray(of: Int.self)
      _ = other[array].count
    }
    await #expect(processExitsWith: .failure) {
      var heap = try RegionHeap(byteCount: 1 << 20)
      let array = try heap.array(of: Int.self, named: "a")
      heap.removePlace(named: "a")
      _ = heap[array].count
    }
    await #expect(processExitsWith: .failure) {
      var heap = try RegionHeap(byteCount: 1 << 20)
      let past = try heap.makeSnapshot()
      let array = try heap.array(of: Int.self, named: "a")
      _ = past[array].count
    }
    await #expect(processExitsWith: .failure) {
      // The block is given to another array after the roll-back: the identity tells them apart.
      var heap = try RegionHeap(byteCount: 1 << 20)
      let past = try heap.makeSnapshot()
      let array = try heap.makeArray(of: Int.self)
      try heap.restore(to: past)
      let other = try heap.makeArray(of: Int.self)
      print(heap[other].count)
      _ = heap[array].count
    }
    await #expect(processExitsWith: .failure) {
      var heap = try RegionHeap(byteCount: 1 << 20)
      let array = try heap.makeArray(of: Int.self)
      _ = heap[array][0]
    }
  }

  @Test("A name is opened as what it is, or not at all")
  func types() throws {
    var heap = try RegionHeap(byteCount: 1 << 20)
    let array = try heap.array(of: Int32.self, named: "numbers")
    #expect(try heap.array(of: Int32.self, named: "numbers") == array)
    // Same size, other type; other size.
    for open in [
      { (heap: inout RegionHeap) in _ = try heap.array(of: UInt32.self, named: "numbers") },
      { (heap: inout RegionHeap) in _ = try heap.array(of: Int64.self, named: "numbers") },
    ] {
      do {
        try open(&heap)
        Issue.record("opened as another type")
      } catch let error as RegionHeapError {
        #expect(error.code == .otherType)
      }
    }
    let past = try heap.makeSnapshot()
    #expect(throws: RegionHeapError.self) { try past.array(of: Int32.self, named: "others") }
    #expect(heap.places.map(\.type) == ["Swift.Int32"])
    heap.remove(array)
    #expect(heap.places.isEmpty)
    #expect(past.places.count == 1)
    try heap.checkConsistency()
  }

  @Test("Bytes of any length are kept, replaced and removed, as elements and alone")
  func bytes() throws {
    var heap = try RegionHeap(byteCount: 1 << 20)
    let texts = try heap.array(of: RegionBytes.self, named: "texts")
    for count in [0, 1, 15, 16, 17, 100, 5000, 20_000] {
      try heap[texts].append(heap.makeBytes(String(repeating: "ä", count: count)))
    }
    let past = try heap.makeSnapshot()
    for position in heap[texts].indices {
      let text = heap[texts][position]
      try heap[text].set("\(position)")
      try heap[text].set(String(repeating: "b", count: 3000 * position))
      #expect(heap[text].count == 3000 * position)
      #expect(heap[text].array.allSatisfy { $0 == UInt8(ascii: "b") })
    }
    try heap.checkConsistency()
    #expect(past[past[texts][3]].string == String(repeating: "ä", count: 16))
    #expect(past[past[texts][7]].bytes.byteCount == 40_000)
    for position in heap[texts].indices { heap.remove(heap[texts][position]) }
    heap.removePlace(named: "texts")
    try heap.checkConsistency()
    // The list of names is left.
    #expect(heap.statistics.containers == 1)
  }

  @Test(
    "What an operation needs is there before it changes anything: every allocation fails in turn")
  func outOfMemory() throws {
    var heap = try RegionHeap(byteCount: 1 << 20)
    let kept = try heap.array(of: Int.self, named: "kept")
    for number in 0..<100 { try heap[kept].append(number) }
    let text = try heap.makeBytes("kept as well")
    let operations: [(inout RegionHeap) throws -> Void] = [
      { heap in _ = try heap.array(of: Int.self, named: "new") },
      { heap in _ = try heap.makeArray(of: Int.self) },
      { heap in _ = try heap.makeBytes(String(repeating: "x", count: 100)) },
      { heap in try heap[text].set(String(repeating: "x", count: 100)) },
      { heap in try heap[kept].append(contentsOf: Array(0..<1000).span) },
      { heap in try heap[kept].insert(1, at: 0) },
      { heap in try heap[kept].reserveCapacity(10_000) },
      { heap in _ = try heap.allocate(byteCount: 100) },
      { heap in
        try heap.transaction { heap in
          _ = try heap.array(of: Int.self, named: "one")
          _ = try heap.array(of: Int.self, named: "two")
        }
      },
    ]
    for (index, operation) in operations.enumerated() {
      for count in 0..<100 {
        let before = heap.statistics
        let start = try heap.makeSnapshot()
        // At first with the array full, so that adding to it allocates.
        let error = failure(after: count, &heap, operation)
        guard let error else {
          #expect(count > 0 || index == 5, "operation \(index) allocates nothing")
          try heap.restore(to: start)
          break
        }
        #expect(error.contains("left in one piece"), "operation \(index): \(error)")
        try heap.checkConsistency()
        #expect(heap.statistics.bytesInUse == before.bytesInUse, "operation \(index)")
        #expect(heap[kept].count == 100)
        #expect(heap[text].string == "kept as well")
        #expect(heap.places.map(\.name) == ["kept"])
      }
    }
  }

  private func failure(
    after count: Int, _ heap: inout RegionHeap, _ operation: (inout RegionHeap) throws -> Void
  ) -> String? {
    do {
      let memory = heap.allocator.memory
      _ = try ForcedOutOfMemory.after(count, in: memory) { try operation(&heap) }
      return nil
    } catch {
      return "\(error)"
    }
  }

  @Test("A heap can be moved into a lock, and readers see snapshots while it is written to")
  func threads() async throws {
    var heap = try RegionHeap(byteCount: 16 << 20)
    let numbers = try heap.array(of: Int.self, named: "numbers")
    let stock = try heap.dictionary(from: Int.self, to: Int.self, named: "stock")
    let table = try heap.table(named: "table")
    let sorted = try heap.sortedTable(named: "sorted")
    for number in 0..<300 {
      try heap[numbers].append(0)
      try heap[stock].updateValue(0, forKey: number)
      try heap[table].updateValue("0", forKey: "\(number)")
      try heap[sorted].updateValue("0", forKey: "\(number)")
    }
    let shared = SharedHeap(heap)
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        for round in 1...60 {
          shared.write { heap in
            // Values get longer, entries come and go: blocks move, buckets and nodes are split and joined.
            let text = "\(round)" + String(repeating: " ", count: round)
            do {
              for number in 0..<300 {
                heap[numbers][number] = round
                try heap[stock].updateValue(round, forKey: number)
                try heap[table].updateValue(text, forKey: "\(number)")
                try heap[sorted].updateValue(text, forKey: "\(number)")
              }
              for number in 0..<50 {
                let key = "\(round * 100 + number)!"
                try heap[table].updateValue(text, forKey: key)
                try heap[sorted].updateValue(text, forKey: key)
                heap[table].removeValue(forKey: "\(round * 100 - 100 + number)!")
                heap[sorted].removeValue(forKey: "\(round * 100 - 100 + number)!")
              }
            } catch {
              Issue.record(error)
            }
          }
        }
      }
      for _ in 0..<3 {
        group.addTask {
          for _ in 0..<20 {
            guard let past = shared.snapshot() else { continue }
            let elements = past.elements(of: numbers)
            let first = elements[0]
            #expect(elements.count == 300 && elements.allSatisfy { $0 == first })
            #expect(past.entries(of: stock).allSatisfy { $0.value == first })
            let text = Array(("\(first)" + String(repeating: " ", count: first)).utf8)
            let count = first == 0 ? 300 : 350
            #expect(past[table].count == count && past[sorted].count == count)
            #expect(past.entries(of: table).allSatisfy { $0.value == text })
            #expect(past.entries(of: sorted).allSatisfy { $0.value == text })
          }
        }
      }
    }
  }

  @Test("What a snapshot offers as sequences keeps it, wherever they go")
  func sequences() throws {
    var heap = try RegionHeap(byteCount: 4 << 20)
    let numbers = try heap.array(of: Int.self, named: "numbers")
    let stock = try heap.dictionary(from: Int.self, to: Int.self, named: "stock")
    let table = try heap.table(named: "table")
    let sorted = try heap.sortedTable(named: "sorted")
    for number in 0..<1000 {
      try heap[numbers].append(number)
      try heap[stock].updateValue(number, forKey: number)
      try heap[table].updateValue("\(number)", forKey: "\(number)")
      try heap[sorted].updateValue("\(number)", forKey: "\(number)")
    }
    // Nothing but the sequences holds the snapshots.
    var sums: [() -> Int] = [
      try {
        let all = try heap.makeSnapshot().elements(of: numbers); return { all.reduce(0, +) }
      }(),
      try {
        let all = try heap.makeSnapshot().entries(of: stock)
        return { all.reduce(0) { $0 + $1.value } }
      }(),
      try {
        let all = try heap.makeSnapshot().entries(of: table)
        return { all.reduce(0) { $0 + (Int(String(decoding: $1.value, as: UTF8.self)) ?? 0) } }
      }(),
      try {
        let all = try heap.makeSnapshot().reversedEntries(of: sorted)
        return { all.reduce(0) { $0 + (Int(String(decoding: $1.key, as: UTF8.self)) ?? 0) } }
      }(),
    ]
    for place in heap.places { heap.removePlace(named: place.name) }
    let other = try heap.array(of: UInt8.self, named: "other")
    try heap[other].append(contentsOf: [UInt8](repeating: 255, count: 200_000).span)
    #expect(heap.region.statistics.snapshotsLive == 4)
    for sum in sums { #expect(sum() == 999 * 500) }
    sums = []
    #expect(heap.region.statistics.snapshotsLive == 0)
  }

  @Test("Names are listed in the order of their UTF-8, with kind, type and stride, and removed")
  func places() throws {
    var heap = try RegionHeap(byteCount: 1 << 20)
    let empty = heap.statistics.bytesInUse
    _ = try heap.array(of: Int16.self, named: "é")
    _ = try heap.table(named: "e\u{301}")
    _ = try heap.sortedTable(named: "")
    _ = try heap.dictionary(from: UInt8.self, to: (Int, Int).self, named: "Z")
    _ = try heap.table(named: "a\0b")
    let past = try heap.makeSnapshot()
    let expected: [(String, HeapPlace.Kind, String, Int)] = [
      ("", .sortedTable, "bytes", 0), ("Z", .dictionary, "Swift.UInt8: (Swift.Int, Swift.Int)", 16),
      ("a\0b", .table, "bytes", 0), ("e\u{301}", .table, "bytes", 0),
      ("é", .array, "Swift.Int16", 2),
    ]
    for places in [heap.places, past.places] {
      #expect(places.count == expected.count)
      for (place, (name, kind, type, stride)) in zip(places, expected) {
        #expect(Array(place.name.utf8) == Array(name.utf8))
        #expect(place.kind == kind && place.type == type && place.stride == stride)
      }
    }
    #expect(heap.removePlace(named: "z") == false)
    for place in past.places { #expect(heap.removePlace(named: place.name) == true) }
    #expect(heap.places.isEmpty && past.places.count == 5)
    // The list's own elements stay.
    #expect(heap.statistics.bytesInUse <= empty + 1024)
    try heap.checkConsistency()
  }
}
