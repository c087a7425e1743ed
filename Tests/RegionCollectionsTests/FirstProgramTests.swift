import RegionCollections
import Testing

@Suite("The first program")
struct FirstProgramTests {
  struct Account: BitwiseCopyable {
    var balance: Int
    var openedAt: Int64
  }

  @Test("A snapshot keeps what the heap had, and a roll-back brings it back")
  func program() throws {
    var heap = try RegionHeap(byteCount: 1 << 30)
    let accounts = try heap.array(of: Account.self, named: "accounts")
    try heap[accounts].append(Account(balance: 100, openedAt: 0))
    heap[accounts][0].balance -= 30
    let past = try heap.makeSnapshot()
    heap[accounts][0].balance = 0
    #expect(past[accounts][0].balance == 70)
    #expect(heap[accounts][0].balance == 0)
    try heap.restore(to: past)
    #expect(heap[accounts][0].balance == 70)
  }

  @Test("Elements may be handles, and an element may come from the heap that it goes to")
  func nesting() throws {
    var heap = try RegionHeap(byteCount: 1 << 20)
    let groups = try heap.array(of: RegionArray<Int>.self, named: "groups")
    for number in 0..<100 {
      try heap[groups].append(heap.makeArray(of: Int.self))
      for value in 0..<number { try heap[heap[groups][number]].append(value) }
    }
    let last = heap[groups][99]
    try heap[last].append(heap[last][98])
    #expect(heap[last].count == 100)
    #expect(heap[last][99] == 98)
    try heap[heap[groups][0]].append(heap[heap[groups][50]].count)
    #expect(heap[heap[groups][0]][0] == 50)
    var sum = 0
    let span = heap.span(of: last)
    for index in span.indices { sum += span[index] }
    #expect(sum == 98 * 99 / 2 + 98)
  }
}

/// The heap as a field: of a value that is only read, of an object, of an actor.
@Suite("Heaps as fields")
struct HeapFieldTests {
  struct Owner: ~Copyable {
    var heap: RegionHeap
    let numbers: RegionArray<Int>

    init() throws {
      var heap = try RegionHeap(byteCount: 1 << 20)
      numbers = try heap.array(of: Int.self, named: "numbers")
      self.heap = heap
    }

    var count: Int { heap[numbers].count }
    func sum() -> Int {
      let span = heap.span(of: numbers)
      return span.indices.reduce(0) { $0 + span[$1] } + heap[numbers].withSpan { $0.count }
    }
    mutating func add(_ number: Int) throws { try heap[numbers].append(number) }
  }

  actor Keeper {
    private var owner: Owner
    init() throws { owner = try Owner() }
    func add(_ number: Int) throws -> Int {
      try owner.add(number)
      owner.heap[owner.numbers].withMutableSpan { $0[0] += 1 }
      return owner.sum()
    }
  }

  @Test("A heap is read and written as a field of a value and of an actor")
  func fields() async throws {
    var owner = try Owner()
    try owner.add(5)
    #expect(owner.sum() == 6)
    #expect(owner.count == 1)
    let keeper = try Keeper()
    #expect(try await keeper.add(1) == 3)
    #expect(try await keeper.add(10) == 15)
  }
}
