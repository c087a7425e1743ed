import MemorySnapshots
import RegionCollections
import Testing

/// Every kind of container with every kind of handle that is of none.
@Suite("Handles that are of no container")
struct MisuseTests {
  enum Kind: String, CaseIterable, Codable {
    case array, dictionary, table, sortedTable, bytes

    /// Makes a container and keeps its handle, whatever its type is.
    func make(in heap: inout RegionHeap) throws -> Handle {
      switch self {
      case .array: .array(try heap.makeArray(of: Int.self))
      case .dictionary: .dictionary(try heap.makeDictionary(from: Int.self, to: Int.self))
      case .table: .table(try heap.makeTable())
      case .sortedTable: .sortedTable(try heap.makeSortedTable())
      case .bytes: .bytes(try heap.makeBytes("some"))
      }
    }
  }

  enum Handle {
    case array(RegionArray<Int>)
    case dictionary(RegionDictionary<Int, Int>)
    case table(RegionTable)
    case sortedTable(RegionSortedTable)
    case bytes(RegionBytes)

    func read(in heap: borrowing RegionHeap) -> Int {
      switch self {
      case .array(let handle): heap[handle].count
      case .dictionary(let handle): heap[handle].count
      case .table(let handle): heap[handle].count
      case .sortedTable(let handle): heap[handle].count
      case .bytes(let handle): heap[handle].count
      }
    }

    func read(in past: HeapSnapshot) -> Int {
      switch self {
      case .array(let handle): past[handle].count
      case .dictionary(let handle): past[handle].count
      case .table(let handle): past[handle].count
      case .sortedTable(let handle): past[handle].count
      case .bytes(let handle): past[handle].bytes.byteCount
      }
    }

    func isIn(_ heap: borrowing RegionHeap, _ past: HeapSnapshot) -> [Bool] {
      switch self {
      case .array(let handle): [heap.contains(handle), past.contains(handle)]
      case .dictionary(let handle): [heap.contains(handle), past.contains(handle)]
      case .table(let handle): [heap.contains(handle), past.contains(handle)]
      case .sortedTable(let handle): [heap.contains(handle), past.contains(handle)]
      case .bytes(let handle): [heap.contains(handle), past.contains(handle)]
      }
    }

    func write(in heap: inout RegionHeap) throws {
      switch self {
      case .array(let handle): try heap[handle].append(1)
      case .dictionary(let handle): try heap[handle].updateValue(1, forKey: 1)
      case .table(let handle): try heap[handle].updateValue("1", forKey: "1")
      case .sortedTable(let handle): try heap[handle].updateValue("1", forKey: "1")
      case .bytes(let handle): try heap[handle].set("others")
      }
    }

    func remove(from heap: inout RegionHeap) {
      switch self {
      case .array(let handle): heap.remove(handle)
      case .dictionary(let handle): heap.remove(handle)
      case .table(let handle): heap.remove(handle)
      case .sortedTable(let handle): heap.remove(handle)
      case .bytes(let handle): heap.remove(handle)
      }
    }
  }

  enum Misuse: String, CaseIterable, Codable {
    case ofAnotherHeap, removed, removedTwice, rolledBack, later, inAbortedTransaction
  }

  @Test(
    "They stop the process with a sentence: of another heap, removed, rolled back, made later",
    arguments: Kind.allCases, Misuse.allCases)
  func stale(kind: Kind, misuse: Misuse) async throws {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { [kind, misuse] in
      var heap = try RegionHeap(byteCount: 1 << 20)
      let past = try heap.makeSnapshot()
      switch misuse {
      case .ofAnotherHeap:
        var other = try RegionHeap(byteCount: 1 << 20)
        // At the same offset as the handle's.
        _ = try kind.make(in: &other)
        print(try kind.make(in: &heap).read(in: other))
      case .removed:
        let handle = try kind.make(in: &heap)
        handle.remove(from: &heap)
        // Takes the block again.
        _ = try kind.make(in: &heap)
        try handle.write(in: &heap)
      case .removedTwice:
        let handle = try kind.make(in: &heap)
        handle.remove(from: &heap)
        handle.remove(from: &heap)
      case .rolledBack:
        let handle = try kind.make(in: &heap)
        try heap.restore(to: past)
        _ = try kind.make(in: &heap)
        print(handle.read(in: heap))
      case .later: print(try kind.make(in: &heap).read(in: past))
      case .inAbortedTransaction:
        var handle: Handle?
        try? heap.transaction { heap in
          handle = try kind.make(in: &heap)
          throw CancellationError()
        }
        try handle?.write(in: &heap)
      }
    }
    let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(text.contains("is of no container that is in"), "\(text)")
  }

  @Test(
    "Whether a handle's container is in the heap, or was, can be asked", arguments: Kind.allCases)
  func asking(kind: Kind) throws {
    var heap = try RegionHeap(byteCount: 1 << 20)
    var other = try RegionHeap(byteCount: 1 << 20)
    let elsewhere = try kind.make(in: &other)
    let before = try heap.makeSnapshot()
    let handle = try kind.make(in: &heap)
    let after = try heap.makeSnapshot()
    #expect(handle.isIn(heap, before) == [true, false])
    #expect(handle.isIn(heap, after) == [true, true])
    #expect(elsewhere.isIn(heap, after) == [false, false])
    #expect(handle.isIn(other, after) == [false, true])
    handle.remove(from: &heap)
    #expect(handle.isIn(heap, after) == [false, true])
    try heap.restore(to: after)
    #expect(handle.isIn(heap, after) == [true, true])
    try heap.restore(to: before)
    #expect(try kind.make(in: &heap).isIn(heap, before) == [true, false])
    #expect(handle.isIn(heap, before) == [false, false])
  }

  @Test("A handle of a type that the container has not stops the process with a sentence")
  func otherType() async throws {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      var heap = try RegionHeap(byteCount: 1 << 20)
      let numbers = try heap.makeArray(of: Int.self)
      // As if it had been read from an element that is no such handle.
      let other = unsafe unsafeBitCast(numbers, to: RegionArray<UInt8>.self)
      print(heap[other].count)
    }
    let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(text.contains("the container has another kind or other types"), "\(text)")
    let kinds = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      var heap = try RegionHeap(byteCount: 1 << 20)
      let table = try heap.makeTable()
      let other = unsafe unsafeBitCast(table, to: RegionSortedTable.self)
      try heap[other].updateValue("1", forKey: "1")
    }
    let sentence = String(decoding: kinds?.standardErrorContent ?? [], as: UTF8.self)
    #expect(sentence.contains("the container has another kind or other types"), "\(sentence)")
  }
}
