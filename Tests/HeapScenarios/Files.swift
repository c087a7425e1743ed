import Glibc
import MemorySnapshots
import RegionCollections

struct Entry: BitwiseCopyable {
  var number: Int
  var text: RegionBytes
}

struct Shelf: BitwiseCopyable {
  var label: RegionBytes
  var stock: RegionDictionary<UInt64, Int>
  var notes: RegionTable
}

/// What container number `number` is made of, for both processes.
enum Content {
  static let count = 3000
  static func key(_ number: Int) -> UInt64 { UInt64(number) &* 0x9e37_79b9_7f4a_7c15 }
  static func text(_ number: Int) -> String { String(repeating: "\(number) ", count: number % 90) }
  static func wide(_ number: Int) -> InlineArray<12, Int> { InlineArray(repeating: number) }
  static func isLeft(_ number: Int) -> Bool { number % 3 != 1 }
}

/// Dictionaries, tables and sorted tables that have grown and shrunk, and containers in an array.
func fill(_ heap: inout RegionHeap) throws {
  let stock = try heap.dictionary(from: UInt64.self, to: Int.self, named: "stock")
  let wide = try heap.dictionary(from: UInt64.self, to: InlineArray<12, Int>.self, named: "wide")
  let table = try heap.table(named: "table")
  let sorted = try heap.sortedTable(named: "sorted")
  for number in 0..<Content.count {
    try heap[stock].updateValue(number, forKey: Content.key(number))
    try heap[wide].updateValue(Content.wide(number), forKey: Content.key(number))
    try heap[table].updateValue(Content.text(number), forKey: "key \(number)")
    try heap[sorted].updateValue(Content.text(number), forKey: "key \(number)")
  }
  for number in 0..<Content.count where !Content.isLeft(number) {
    heap[stock].removeValue(forKey: Content.key(number))
    heap[wide].removeValue(forKey: Content.key(number))
    heap[table].removeValue(forKey: "key \(number)")
    heap[sorted].removeValue(forKey: "key \(number)")
  }
  let shelves = try heap.array(of: Shelf.self, named: "shelves")
  for number in 0..<20 {
    let shelf = Shelf(
      label: try heap.makeBytes("shelf \(number)"),
      stock: try heap.makeDictionary(from: UInt64.self, to: Int.self),
      notes: try heap.makeTable())
    try heap[shelf.stock].updateValue(number, forKey: 1)
    try heap[shelf.notes].updateValue("\(number)", forKey: "note")
    try heap[shelves].append(shelf)
  }
}

/// Looks at everything that `fill` has made, and writes to it.
func check(_ heap: inout RegionHeap) throws {
  let stock = try heap.dictionary(from: UInt64.self, to: Int.self, named: "stock")
  let wide = try heap.dictionary(from: UInt64.self, to: InlineArray<12, Int>.self, named: "wide")
  let table = try heap.table(named: "table")
  let sorted = try heap.sortedTable(named: "sorted")
  let left = (0..<Content.count).filter(Content.isLeft)
  try require(
    heap[stock].count == left.count && heap[wide].count == left.count
      && heap[table].count == left.count && heap[sorted].count == left.count, "entries are missing")
  for number in 0..<Content.count {
    let isLeft = Content.isLeft(number)
    let expected = isLeft ? Content.text(number) : nil
    let key = "key \(number)"
    try require(heap[stock][Content.key(number)] == (isLeft ? number : nil), "stock of \(number)")
    try require(heap[wide][Content.key(number)]?[11] == (isLeft ? number : nil), "wide \(number)")
    try require(heap[table].string(forKey: key) == expected, "table's \(key)")
    try require(heap[sorted].string(forKey: key) == expected, "sorted table's \(key)")
    try heap[stock].updateValue(-number, forKey: Content.key(number))
    try heap[table].updateValue(key, forKey: key)
    try heap[sorted].updateValue(key, forKey: key)
  }
  var keys: [String] = []
  heap[sorted].forEach { key, _ in
    keys.append(unsafe key.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) })
  }
  try require(keys == (0..<Content.count).map { "key \($0)" }.sorted(), "the order is another")
  let shelves = try heap.array(of: Shelf.self, named: "shelves")
  for number in 0..<20 {
    let shelf = heap[shelves][number]
    try require(
      heap[shelf.label].string == "shelf \(number)" && heap[shelf.stock][1] == number
        && heap[shelf.notes].string(forKey: "note") == "\(number)", "shelf \(number)")
  }
}

/// Writes a heap to a file, from a snapshot, while it goes on changing.
func writeHeap(to path: String) throws {
  var heap = try RegionHeap(byteCount: 32 << 20)
  let entries = try heap.array(of: Entry.self, named: "entries")
  for number in 0..<5000 {
    let text = try heap.makeBytes(String(repeating: "\(number) ", count: number % 40))
    try heap[entries].append(Entry(number: number, text: text))
  }
  try fill(&heap)
  let snapshot = try heap.makeSnapshot()
  heap.removePlace(named: "stock")
  heap.removePlace(named: "sorted")
  for index in heap[entries].indices { heap[entries][index].number = -1 }
  let file = try FileDescriptor.open(
    FilePath(path), .writeOnly, options: [.create, .truncate], permissions: .ownerReadWrite)
  try file.closeAfter { try snapshot.write(to: file) }
  print(unsafe UInt(bitPattern: heap.region.baseAddress))
}

/// Opens it in another process, at another address, and writes to it.
func readHeap(from path: String) throws {
  // Takes the place that the region had, as far as the system puts it there.
  let other = try MemoryRegion(byteCount: 32 << 20)
  let file = try FileDescriptor.open(FilePath(path), .readOnly)
  var heap = try RegionHeap(contentsOf: file)
  try file.close()
  try heap.checkConsistency()
  let entries = try heap.array(of: Entry.self, named: "entries")
  try require(heap[entries].count == 5000, "\(heap[entries].count) entries")
  for index in 0..<5000 {
    let entry = heap[entries][index]
    try require(entry.number == index, "entry \(index) is \(entry.number)")
    let text = heap[entry.text].string
    try require(
      text == String(repeating: "\(index) ", count: index % 40), "entry \(index): \(text)")
    try heap[entry.text].set(String(repeating: "new", count: index % 100))
  }
  try check(&heap)
  try heap.checkConsistency()
  print(unsafe UInt(bitPattern: heap.region.baseAddress), other.byteCount)
}
