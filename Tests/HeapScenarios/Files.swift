import Glibc
import MemorySnapshots
import RegionCollections

struct Entry: BitwiseCopyable {
  var number: Int
  var text: RegionBytes
}

/// Writes a heap to a file, from a snapshot, while it goes on changing.
func writeHeap(to path: String) throws {
  var heap = try RegionHeap(byteCount: 32 << 20)
  let entries = try heap.array(of: Entry.self, named: "entries")
  for number in 0..<5000 {
    let text = try heap.makeBytes(String(repeating: "\(number) ", count: number % 40))
    try heap[entries].append(Entry(number: number, text: text))
  }
  let snapshot = try heap.makeSnapshot()
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
  try heap.checkConsistency()
  print(unsafe UInt(bitPattern: heap.region.baseAddress), other.byteCount)
}
