import MemorySnapshots
import RegionCollections
import Testing

@Suite("Transactions")
struct TransactionTests {
  struct Refusal: Error, Equatable {
    var number: Int
  }

  @Test(
    "What a closure that returns has done stays, and its value comes back", arguments: HeapMode.all)
  func keeping(mode: HeapMode) throws {
    var heap = try RegionHeap(byteCount: 1 << 20, options: mode.options)
    let numbers = try heap.array(of: Int.self, named: "numbers")
    let count = try heap.transaction { heap in
      try heap[numbers].append(1)
      return heap[numbers].count
    }
    #expect(count == 1)
    #expect(heap[numbers][0] == 1)
    #expect(heap.region.statistics.snapshotsLive == 0)
  }

  @Test("A closure that throws leaves everything as it was", arguments: HeapMode.all)
  func rollingBack(mode: HeapMode) throws {
    var heap = try RegionHeap(byteCount: 8 << 20, options: mode.options)
    let numbers = try heap.array(of: Int.self, named: "numbers")
    for number in 0..<5000 { try heap[numbers].append(number) }
    let past = try heap.makeSnapshot()
    heap[numbers][0] = -1
    let before = heap.statistics
    do throws(TransactionError<Refusal>) {
      try heap.transaction { heap throws(Refusal) in
        do {
          for number in 0..<20_000 { try heap[numbers].append(number) }
          _ = try heap.array(of: Int.self, named: "others")
          heap[numbers].removeSubrange(0..<1000)
          heap.removePlace(named: "numbers")
        } catch {
          Issue.record(error)
        }
        throw Refusal(number: 5)
      }
    } catch {
      #expect(error == .body(Refusal(number: 5)))
    }
    try heap.checkConsistency()
    #expect(heap.statistics == before)
    #expect(heap.places.map(\.name) == ["numbers"])
    #expect(heap[numbers].count == 5000)
    #expect(heap[numbers][0] == -1 && heap[numbers][4999] == 4999)
    // Another snapshot stays right across the roll-back.
    #expect(past.elements(of: numbers).elementsEqual(0..<5000))
  }

  @Test(
    "An inner transaction rolls back what it did, and the outer one all", arguments: HeapMode.all)
  func nesting(mode: HeapMode) throws {
    var heap = try RegionHeap(byteCount: 1 << 20, options: mode.options)
    let numbers = try heap.array(of: Int.self, named: "numbers")
    try heap[numbers].append(1)
    do {
      try heap.transaction { heap in
        heap[numbers][0] = 2
        do {
          try heap.transaction { heap in
            heap[numbers][0] = 3
            throw Refusal(number: 1)
          }
        } catch TransactionError<any Error>.body {}
        #expect(heap[numbers][0] == 2)
        try heap.transaction { heap in heap[numbers][0] = 4 }
        #expect(heap[numbers][0] == 4)
        throw Refusal(number: 2)
      }
      Issue.record("the outer transaction did not throw")
    } catch TransactionError<any Error>.body(let error as Refusal) {
      #expect(error.number == 2)
    }
    #expect(heap[numbers][0] == 1)
    try heap.checkConsistency()
  }

  @Test("A transaction that needs more than the store may hold rolls back all the same")
  func fullStore() throws {
    var options = MemoryRegion.Options()
    options.storeLimit = 64 << 10
    var heap = try RegionHeap(byteCount: 8 << 20, options: options)
    let numbers = try heap.array(of: Int.self, named: "numbers")
    try heap[numbers].append(contentsOf: Array(0..<200_000).span)
    let others = try (0..<3).map { number in
      heap[numbers][0] = -number
      return try heap.makeSnapshot()
    }
    heap[numbers][0] = -1
    #expect(throws: TransactionError<any Error>.self) {
      try heap.transaction { heap in
        // 1.6 MB of pages, twenty-five times the limit.
        for index in 0..<200_000 { heap[numbers][index] = 0 }
        throw Refusal(number: 1)
      }
    }
    #expect(heap[numbers][0] == -1)
    for index in 1..<200_000 where heap[numbers][index] != index {
      Issue.record("element \(index) is \(heap[numbers][index])")
      break
    }
    #expect(others.count == 3)
  }

  @Test(
    "Where a writer would wait for its own transaction, that is a typed error before the first write"
  )
  func blockingStore() throws {
    var options = MemoryRegion.Options()
    options.storeLimit = 64 << 10
    options.whenStoreIsFull = .blockWriters
    var heap = try RegionHeap(byteCount: 8 << 20, options: options)
    let numbers = try heap.array(of: Int.self, named: "numbers")
    try heap[numbers].append(contentsOf: Array(0..<20_000).span)
    var hasRun = false
    do {
      try heap.transaction { heap in hasRun = true }
      Issue.record("the transaction began")
    } catch TransactionError<Never>.heap(let error) {
      #expect(error.code == .storeFull)
    }
    #expect(!hasRun)

    options.storeLimit = 16 << 20
    var roomy = try RegionHeap(byteCount: 8 << 20, options: options)
    let others = try roomy.array(of: Int.self, named: "numbers")
    try roomy[others].append(contentsOf: Array(0..<500_000).span)
    #expect(throws: TransactionError<any Error>.self) {
      try roomy.transaction { heap in
        for index in 0..<500_000 { heap[others][index] = 0 }
        throw Refusal(number: 1)
      }
    }
    #expect(roomy[others][499_999] == 499_999)
  }
}
