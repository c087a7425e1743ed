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
