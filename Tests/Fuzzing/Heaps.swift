// Damaged heaps, for libFuzzer: a typed error, or a trap with a sentence, never an access outside the heap's
// memory, which the address sanitizer guards. Built by .ci/sanitize together with the library's sources; not
// part of the package.

/// A heap with something of everything, whose memory is exactly as large as it says.
private struct Image {
  static let byteCount = 256 << 10
  let base = UnsafeMutableRawPointer.allocate(byteCount: Image.byteCount, alignment: 4096)
  let original: [UInt8]
  let used: Int
  let header: HeapHeader
  typealias Wide = InlineArray<12, Int>
  let handles:
    (RegionDictionary<Int, Int>, RegionDictionary<Int, Wide>, RegionTable, RegionSortedTable)

  var allocator: Allocator {
    Allocator(
      MutableHeapMemory(base: base, byteCount: Image.byteCount), RegionReference(nil))
  }

  init() {
    base.initializeMemory(as: UInt8.self, repeating: 0, count: Image.byteCount)
    let memory = MutableHeapMemory(base: base, byteCount: Image.byteCount)
    let allocator = Allocator(memory, RegionReference(nil))
    allocator.initialize()
    do {
      let records = try RegionArray<PlaceRecord>.make(in: allocator)
      header = HeapHeader(
        capacity: Image.byteCount, directoryOffset: records.handle.offset,
        directoryIdentity: records.handle.identity)
      header.write(to: memory)
      let directory = Directory(header)
      for number in 0..<6 {
        let list = try RegionArray<RegionBytes>.make(in: allocator)
        var accessor = RegionArray<RegionBytes>.Accessor(list, in: allocator)
        for count in 0..<number * 5 {
          let text = RawText(String(repeating: "t", count: count * 4))
          try accessor.append(RegionBytes.make(text.bytes, in: allocator))
        }
        try directory.insert(
          "list \(number)", list.handle, .array, values: ElementType(RegionBytes.self),
          keys: .none, type: TypeName(RegionBytes.self), in: allocator)
      }
      let dictionary = try RegionDictionary<Int, Int>.make(in: allocator)
      let wide = try RegionDictionary<Int, Wide>.make(in: allocator)
      let table = try RegionTable.make(in: allocator)
      let sorted = try RegionSortedTable.make(in: allocator)
      var values = RegionDictionary<Int, Int>.Accessor(dictionary, in: allocator)
      var blocks = RegionDictionary<Int, Wide>.Accessor(wide, in: allocator)
      var entries = RegionTable.Accessor(table, in: allocator)
      var inOrder = RegionSortedTable.Accessor(sorted, in: allocator)
      for number in 0..<100 {
        if number < 40 { try blocks.updateValue(Wide(repeating: number), forKey: number * 11) }
        try values.updateValue(number, forKey: number * 11)
        let value = String(repeating: "v", count: number * number % 200)
        try entries.updateValue(value, forKey: "key \(number)")
        try inOrder.updateValue(value, forKey: "key \(number * 37 % 100)")
      }
      handles = (dictionary, wide, table, sorted)
      let block = try allocator.allocate(30_000)
      _ = try allocator.allocate(3000)
      allocator.deallocate(block)
    } catch {
      fatalError("\(error)")
    }
    used = AllocatorRoot(memory: memory).frontier * HeapLayout.pageSize
    original = memory.readable.array(at: 0, count: Image.byteCount)
  }
}

nonisolated(unsafe) private let image = Image()

/// The input is a list of changes to the image, eleven bytes each: offset, how, value.
@_cdecl("fuzz_heap")
public func fuzzHeap(_ start: UnsafePointer<UInt8>?, _ count: Int) {
  let input = UnsafeBufferPointer(start: start, count: count)
  let allocator = image.allocator
  let memory = allocator.memory
  memory.copy(image.original, to: 0)
  var position = 0
  var fixesHeader = false
  while position + 11 <= input.count {
    let low = Int(input[position]) | Int(input[position + 1]) << 8
    let how = input[position + 2]
    var value: UInt64 = 0
    for index in 0..<8 { value = value << 8 | UInt64(input[position + 3 + index]) }
    // In half of them, the header, the root and the first descriptors.
    let offset = how & 1 == 0 ? low % 8192 : low * 4 % (image.used - 8)
    switch how >> 1 & 3 {
    case 0: memory.store(value, at: offset)
    case 1: memory.store(UInt8(truncatingIfNeeded: value), at: offset)
    case 2: memory.store(UInt32(truncatingIfNeeded: value), at: offset & ~3)
    default: memory.store(~value, at: offset & ~7)
    }
    if how & 128 != 0 { fixesHeader = true }
    position += 11
  }
  if fixesHeader { image.header.write(to: memory) }
  guard let header = try? HeapHeader(memory.readable) else { return }
  let isFaultless = HeapCheck.fault(allocator, header) == nil
  // A trap ends the input: the input says what comes first.
  let turns: [() -> Void] = [
    { readEverything(Directory(header), memory.readable) },
    { readTables(memory.readable) },
    { writeSomething(Directory(header), allocator) },
    { writeTables(allocator) },
  ]
  let first = count > 0 ? Int(input[count - 1]) : 0
  for turn in turns.indices { turns[(first + turn) % turns.count]() }
  if isFaultless { _ = HeapCheck.fault(allocator, header) }
}

private func readEverything(_ directory: Directory, _ memory: HeapMemory) {
  var sum = 0
  for place in directory.places(in: memory) {
    let found = try? directory.find(
      place.name, .array, values: ElementType(RegionBytes.self), keys: .none,
      type: TypeName(RegionBytes.self),
      in: memory)
    guard let handle = found ?? nil else { continue }
    let reader = RegionArray<RegionBytes>.Reader(RegionArray(handle), in: memory, of: directory)
    for index in reader.indices {
      sum &+= RegionBytes.Reader(reader[index], in: memory, of: directory).array.count
    }
  }
  precondition(sum != -1)
}

private func readTables(_ memory: HeapMemory) {
  var sum = 0
  let (dictionary, wide, table, sorted) = image.handles
  let values = RegionDictionary<Int, Int>.Reader(dictionary, in: memory, of: image)
  values.forEach { sum &+= $0 &+ $1 }
  let blocks = RegionDictionary<Int, Image.Wide>.Reader(wide, in: memory, of: image)
  blocks.forEach { sum &+= $0 &+ $1[11] }
  let entries = RegionTable.Reader(table, in: memory, of: image)
  entries.forEach { sum &+= $0.byteCount &+ $1.byteCount }
  let inOrder = RegionSortedTable.Reader(sorted, in: memory, of: image)
  inOrder.forEach { sum &+= $0.byteCount &+ $1.byteCount }
  inOrder.forEachReversed { sum &+= $0.byteCount &+ $1.byteCount }
  for number in 0..<100 {
    sum &+= values[number * 11] ?? 0
    sum &+= blocks[number * 11]?[3] ?? 0
    sum &+= entries.string(forKey: "key \(number)")?.utf8.count ?? 0
    sum &+= inOrder.string(forKey: "key \(number)")?.utf8.count ?? 0
  }
  precondition(sum != -1)
}

private func writeTables(_ allocator: Allocator) {
  let (dictionary, wide, table, sorted) = image.handles
  var values = RegionDictionary<Int, Int>.Accessor(dictionary, in: allocator)
  var blocks = RegionDictionary<Int, Image.Wide>.Accessor(wide, in: allocator)
  var entries = RegionTable.Accessor(table, in: allocator)
  var inOrder = RegionSortedTable.Accessor(sorted, in: allocator)
  for number in 0..<60 {
    _ = try? blocks.updateValue(Image.Wide(repeating: number), forKey: number * 5)
    _ = blocks.removeValue(forKey: number * 11)
    _ = try? values.updateValue(number, forKey: number * 5)
    _ = values.removeValue(forKey: number * 11)
    let value = String(repeating: "w", count: number * 7)
    _ = try? entries.updateValue(value, forKey: "key \(number * 3)")
    _ = entries.removeValue(forKey: "key \(number)")
    _ = try? inOrder.updateValue(value, forKey: "key \(number * 3)")
    _ = inOrder.removeValue(forKey: "key \(number)")
  }
}

private func writeSomething(_ directory: Directory, _ allocator: Allocator) {
  var blocks: [Int] = []
  for size in [10, 100, 1000, 5000, 40_000, 64, 3000] {
    guard let offset = try? allocator.allocate(size) else { continue }
    allocator.memory.zero(offset, count: size)
    blocks.append(offset)
  }
  for offset in blocks {
    guard let moved = try? allocator.reallocate(offset, 2000) else { continue }
    allocator.deallocate(moved)
  }
  guard let record = directory.remove("list 3", in: allocator) else { return }
  var accessor = RegionArray<RegionBytes>.Accessor(
    RegionArray(record.handle), in: allocator)
  for index in accessor.indices { RegionBytes.remove(accessor[index], from: allocator) }
  try? accessor.append(contentsOf: [])
  accessor.removeAll()
}
