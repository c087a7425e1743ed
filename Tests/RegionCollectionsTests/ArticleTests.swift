import Foundation
import MemorySnapshots
import RegionCollections
import Synchronization
import Testing

/// What the article *Keeping your data in a region* shows, word for word where it has more than a line.
@Suite("The article's programs")
struct ArticleTests {
  struct Account: BitwiseCopyable { var balance: Int; var openedAt: Int64 }
  struct Overdrawn: Error {}

  /// A heap in a lock, with the handles of what is in it.
  final class Bank: Sendable {
    private let heap: Mutex<RegionHeap>
    private let accounts: RegionArray<Account>

    init() throws {
      var heap = try RegionHeap(byteCount: 1 << 30)
      accounts = try heap.array(of: Account.self, named: "accounts")
      self.heap = Mutex(heap)
    }

    func open(_ balance: Int) throws {
      try heap.withLock { heap in
        try heap[accounts].append(Account(balance: balance, openedAt: 0))
      }
    }

    func move(_ amount: Int, from: Int, to: Int) throws {
      try heap.withLock { heap in
        try heap.transaction { heap in
          heap[accounts][from].balance -= amount
          heap[accounts][to].balance += amount
          if heap[accounts][from].balance < 0 { throw Overdrawn() }
        }
      }
    }

    /// Read outside of the lock, while others move money.
    func total() throws -> Int {
      let past = try heap.withLock { heap in try heap.makeSnapshot() }
      return past.elements(of: accounts).reduce(0) { $0 + $1.balance }
    }
  }

  /// The same as an actor.
  actor Counter {
    private var heap: RegionHeap
    private let counts: RegionDictionary<Int, Int>

    init() throws {
      var heap = try RegionHeap(byteCount: 1 << 20)
      counts = try heap.dictionary(from: Int.self, to: Int.self, named: "counts")
      self.heap = heap
    }

    func count(_ key: Int) throws -> Int {
      let count = (heap[counts][key] ?? 0) + 1
      try heap[counts].updateValue(count, forKey: key)
      return count
    }

    func snapshot() throws -> HeapSnapshot { try heap.makeSnapshot() }
  }

  @Test("A heap in a lock, and in an actor; the closure's errors and the heap's own are told apart")
  func owners() async throws {
    let bank = try Bank()
    for balance in [100, 50] { try bank.open(balance) }
    try bank.move(30, from: 0, to: 1)
    var caught = ""
    do {
      try bank.move(1000, from: 0, to: 1)
    } catch TransactionError<any Error>.body(let error as Overdrawn) {
      caught = "\(type(of: error))"
    } catch TransactionError<any Error>.heap(let error) {
      caught = error.message
    }
    #expect(caught == "Overdrawn")
    #expect(try bank.total() == 150)
    let counter = try Counter()
    #expect(try await counter.count(7) == 1)
    #expect(try await counter.count(7) == 2)
    #expect(try await counter.snapshot().places.count == 1)
  }

  @Test("A closure that says what it throws needs no cast")
  func typed() throws {
    var heap = try RegionHeap(byteCount: 1 << 20)
    let accounts = try heap.array(of: Account.self, named: "accounts")
    try heap[accounts].append(Account(balance: 1, openedAt: 0))
    var isOverdrawn = false
    do throws(TransactionError<Overdrawn>) {
      try heap.transaction { heap throws(Overdrawn) in
        heap[accounts][0].balance -= 2
        throw Overdrawn()
      }
    } catch {
      switch error {
      case .body: isOverdrawn = true
      case .heap(let error): Issue.record(error)
      }
    }
    #expect(isOverdrawn && heap[accounts][0].balance == 1)
  }

  /// Writes a snapshot so that `path` has the old file or the new one, whatever happens meanwhile.
  static func save(_ past: HeapSnapshot, to path: FilePath) throws {
    let temporary = FilePath(path.string + ".new")
    let file = try FileDescriptor.open(
      temporary, .writeOnly, options: [.create, .truncate], permissions: .ownerReadWrite)
    try file.closeAfter {
      try past.write(to: file)
      guard fsync(file.rawValue) == 0 else { throw Errno(rawValue: errno) }
    }
    guard unsafe rename(temporary.string, path.string) == 0 else { throw Errno(rawValue: errno) }
    // The folder's entry is safe on the disk when the folder is.
    let folder = try FileDescriptor.open(path.removingLastComponent(), .readOnly)
    try folder.closeAfter {
      guard fsync(folder.rawValue) == 0 else { throw Errno(rawValue: errno) }
    }
  }

  /// Copies what is in a heap into another with more room.
  static func grow(_ heap: borrowing RegionHeap, to byteCount: Int) throws -> RegionHeap {
    var larger = try RegionHeap(byteCount: byteCount)
    let past = try heap.makeSnapshot()
    let accounts = try larger.array(of: Account.self, named: "accounts")
    try larger[accounts].append(
      contentsOf: past[past.array(of: Account.self, named: "accounts")].span)
    let names = try larger.table(named: "names")
    for (key, value) in past.entries(of: try past.table(named: "names")) {
      try larger[names].updateValue(value, forKey: key)
    }
    return larger
  }

  @Test("A save replaces a file as a whole, and what it holds moves into a larger heap")
  func files() throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("heap-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = FilePath(folder.appendingPathComponent("data").path)
    var heap = try RegionHeap(byteCount: 1 << 20)
    let accounts = try heap.array(of: Account.self, named: "accounts")
    let names = try heap.table(named: "names")
    for round in 1...3 {
      try heap[accounts].append(Account(balance: round, openedAt: 0))
      try heap[names].updateValue("Ada", forKey: "\(round)")
      try ArticleTests.save(heap.makeSnapshot(), to: path)
      let file = try FileDescriptor.open(path, .readOnly)
      let again = try RegionHeap(contentsOf: file)
      try file.close()
      #expect(again[accounts].count == round)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["data"])
    let larger = try ArticleTests.grow(heap, to: 4 << 20)
    let past = try larger.makeSnapshot()
    #expect(past[try past.array(of: Account.self, named: "accounts")].count == 3)
    #expect(past[try past.table(named: "names")].string(forKey: "3") == "Ada")
    try larger.checkConsistency()
  }

  /// The bytes of a number in the order of numbers: the highest first, the sign's bit the other way round.
  static func key(_ number: Int64) -> [UInt8] {
    let ordered = UInt64(bitPattern: number) ^ 1 << 63
    return (0..<8).map { UInt8(truncatingIfNeeded: ordered >> (56 - $0 * 8)) }
  }

  @Test(
    "Keys of a sorted table are compared by bytes: numbers are stored with the highest byte first")
  func sortedKeys() throws {
    var heap = try RegionHeap(byteCount: 1 << 20)
    let log = try heap.sortedTable(named: "log")
    let numbers: [Int64] = [-300, -1, 0, 1, 255, 256, 65_536, .min, .max]
    for number in numbers.shuffled() {
      try heap[log].updateValue(Array("\(number)".utf8), forKey: ArticleTests.key(number))
    }
    var seen: [String] = []
    let lower = ArticleTests.key(-1)
    unsafe heap[log].forEach(from: lower.span.bytes) { _, value in
      seen.append(unsafe value.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) })
    }
    #expect(seen == numbers.filter { $0 >= -1 }.sorted().map { "\($0)" })
    let past = try heap.makeSnapshot()
    let values = past.entries(of: log, from: ArticleTests.key(0), upTo: ArticleTests.key(256))
      .map { String(decoding: $0.value, as: UTF8.self) }
    #expect(values == ["0", "1", "255"])
  }
}
