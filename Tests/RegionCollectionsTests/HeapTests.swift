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
    for _ in 0..<1000 { try heap[numbers].append(0) }
    let shared = SharedHeap(heap)
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        for round in 1...200 {
          shared.write { heap in
            for index in 0..<1000 { heap[numbers][index] = round }
            if round % 20 == 0 { for _ in 0..<100 { _ = try? heap.makeArray(of: Int.self) } }
          }
        }
      }
      for _ in 0..<3 {
        group.addTask {
          for _ in 0..<50 {
            guard let past = shared.snapshot() else { continue }
            let elements = past.elements(of: numbers)
            let first = elements[0]
            #expect(elements.allSatisfy { $0 == first })
            #expect(past[numbers].count == 1000)
          }
        }
      }
    }
  }
}
