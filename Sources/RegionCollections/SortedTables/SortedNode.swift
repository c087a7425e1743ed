/// A node of 4096 bytes: slots in the order of the keys from its start, records from its end.
///
/// | byte | what |
/// |---|---|
/// | 0 | 1 for a leaf, 2 for an inner node |
/// | 2 | count of slots |
/// | 4 | where the lowest record begins |
/// | 6 | bytes of records that are in no use |
/// | 8, 16 | next and previous leaf; zero for none |
/// | 32 + 12 i | slot i: the key's first eight bytes, big-endian; where the record is, its size |
///
/// A record is two counts of 16 bits, the key and the value; or, if the slot's bit 15 says so, the offset of
/// a block of its own, which is laid out as a table's entry. An inner node's values are the offsets of its
/// children, its keys no more than the first keys there; the key in its slot 0 is of no account.
@usableFromInline
struct SortedNode {
  @usableFromInline let offset: Int
  @usableFromInline let count: Int
  @usableFromInline let start: Int
  @usableFromInline let garbage: Int
  @usableFromInline let isLeaf: Bool
  @usableFromInline let memory: HeapMemory

  @inlinable static var size: Int { 4096 }
  @inlinable static var headerSize: Int { 32 }
  @inlinable static var slotSize: Int { 12 }
  @inlinable static var recordHeaderSize: Int { 4 }
  /// Larger records are blocks of their own: four of these and their slots fill a node.
  @inlinable static var largestRecord: Int { 1000 }
  @inlinable static var outlinedSize: Int { 8 }
  @inlinable static var outlinedBit: Int { 0x8000 }

  /// Reads a node's header. Traps if it is none of the kind.
  @inlinable
  @inline(__always)
  init(_ offset: Int, isLeaf: Bool, _ memory: HeapMemory) {
    self.init(unchecked: offset, memory)
    if self.isLeaf != isLeaf || !isPlausible {
      trap("a sorted table's node is none: the heap is damaged")
    }
  }

  @inlinable
  @inline(__always)
  init(unchecked offset: Int, _ memory: HeapMemory) {
    self.offset = offset
    self.memory = memory
    let word: UInt64 = memory.load(offset)
    isLeaf = word & 0xffff == 1
    count = Int(word &>> 16 & 0xffff)
    start = Int(word &>> 32 & 0xffff)
    garbage = Int(word &>> 48)
  }

  @inlinable
  @inline(__always)
  var isPlausible: Bool {
    slotsEnd <= start && start <= SortedNode.size && garbage <= SortedNode.size &- start
      && memory.contains(offset, count: SortedNode.size) && (isLeaf || count > 0)
      && memory.load(offset, as: UInt16.self) &- 1 < 2
  }

  @inlinable var slotsEnd: Int { SortedNode.headerSize &+ count &* SortedNode.slotSize }
  @inlinable var freeBytes: Int { start &- slotsEnd &+ garbage }
  /// The bytes of slots and records.
  @inlinable var usedBytes: Int { SortedNode.size &- SortedNode.headerSize &- freeBytes }
  @inlinable var next: Int { memory.loadInt(offset &+ 8) }
  @inlinable var previous: Int { memory.loadInt(offset &+ 16) }

  @inlinable
  func slot(_ position: Int) -> Int {
    offset &+ SortedNode.headerSize &+ position &* SortedNode.slotSize
  }

  @inlinable func head(_ position: Int) -> UInt64 { memory.load(slot(position)) }

  /// Where the record is in the node, whether it is outlined, and its size.
  @inlinable
  @inline(__always)
  func location(_ position: Int) -> (start: Int, isOutlined: Bool, size: Int) {
    let word: UInt32 = memory.load(slot(position) &+ 8)
    return (
      Int(word & 0x7fff), word & 0x8000 != 0, Int(word &>> 16)
    )
  }

  /// The key and the value of a slot.
  @inlinable
  @inline(__always)
  func record(_ position: Int) -> SortedRecord {
    if position < 0 || position >= count {
      trap("a sorted table's slot is none: the heap is damaged")
    }
    let (start, isOutlined, size) = location(position)
    if start &+ size > SortedNode.size || start < SortedNode.headerSize {
      trap("a sorted table's record is outside its node: the heap is damaged")
    }
    if isOutlined {
      let block = memory.loadInt(offset &+ start)
      let counts: UInt64 = memory.load(block)
      return SortedRecord(
        key: block &+ TableEntry.headerSize, keyCount: Int(counts & 0xffff_ffff),
        valueCount: Int(counts &>> 32), block: block)
    }
    let counts: UInt32 = memory.load(offset &+ start)
    let record = SortedRecord(
      key: offset &+ start &+ SortedNode.recordHeaderSize, keyCount: Int(counts & 0xffff),
      valueCount: Int(counts &>> 16), block: 0)
    if record.keyCount &+ record.valueCount &+ SortedNode.recordHeaderSize > size {
      trap("a sorted table's record is longer than its room: the heap is damaged")
    }
    return record
  }

  @inlinable
  @inline(__always)
  func child(_ position: Int) -> Int {
    let record = record(position)
    if record.valueCount != 8 { trap("a sorted table's child is none: the heap is damaged") }
    return memory.loadInt(record.value)
  }

  /// The first eight bytes of a key, big-endian, filled up with zeros: comes first what is compared first.
  @inlinable
  @inline(__always)
  static func head(of key: RawSpan) -> UInt64 {
    if key.byteCount >= 8 { return RegionHash.word(key, 0).byteSwapped }
    var head: UInt64 = 0
    for position in 0..<key.byteCount {
      head |= RegionHash.byte(key, position) << UInt64(56 &- position &* 8)
    }
    return head
  }

  /// Compares a slot's key with another: below zero if it comes before.
  @inlinable
  @inline(__always)
  func compare(_ position: Int, with key: RawSpan, _ head: UInt64) -> Int {
    let mine = self.head(position)
    if mine != head { return mine < head ? -1 : 1 }
    let record = record(position)
    return memory.withBytes(at: record.key, count: record.keyCount) { $0.compareBytes(with: key) }
  }

  /// The slots whose keys have the same first eight bytes as `key`, from slot `first` on; empty, where they
  /// would be, if there are none.
  @inlinable
  @inline(__always)
  func slots(from first: Int, _ head: UInt64) -> Range<Int> {
    let rest = max(count &- first, 0)
    let less = memory.countLess(
      than: head, at: slot(first), stride: SortedNode.slotSize, count: rest)
    let start = first &+ less
    guard less < rest, self.head(start) == head else { return start..<start }
    guard head < .max else { return start..<first &+ rest }
    let notGreater = memory.countLess(
      than: head &+ 1, at: slot(start), stride: SortedNode.slotSize, count: rest &- less)
    return start..<start &+ notGreater
  }

  /// The first slot whose key is not before `key`, and whether it is that key.
  @inlinable
  @inline(__always)
  func position(of key: RawSpan, _ head: UInt64) -> (position: Int, isFound: Bool) {
    let slots = slots(from: 0, head)
    var low = slots.lowerBound
    var high = slots.upperBound
    while low < high {
      let middle = (low &+ high) &>> 1
      let order = compare(middle, with: key, head)
      if order == 0 { return (middle, true) }
      if order < 0 { low = middle &+ 1 } else { high = middle }
    }
    return (low, false)
  }

  /// The same in the node at an offset, which was checked.
  @inlinable
  @inline(never)
  static func position(
    of key: RawSpan, _ head: UInt64, in offset: Int, _ memory: HeapMemory
  ) -> (position: Int, isFound: Bool) {
    SortedNode(unchecked: offset, memory).position(of: key, head)
  }

  /// The slot of the child that a key belongs to.
  @inlinable
  @inline(__always)
  func childPosition(_ key: RawSpan, _ head: UInt64) -> Int {
    let slots = slots(from: 1, head)
    var low = slots.lowerBound
    var high = slots.upperBound
    while low < high {
      let middle = (low &+ high) &>> 1
      if compare(middle, with: key, head) <= 0 { low = middle &+ 1 } else { high = middle }
    }
    return low &- 1
  }
}

/// Where an entry's key and value are: the value follows the key.
@usableFromInline
struct SortedRecord {
  @usableFromInline let key: Int
  @usableFromInline let keyCount: Int
  @usableFromInline let valueCount: Int
  /// Its block's offset; zero if it lies in the node.
  @usableFromInline let block: Int

  @inlinable
  init(key: Int, keyCount: Int, valueCount: Int, block: Int) {
    self.key = key
    self.keyCount = keyCount
    self.valueCount = valueCount
    self.block = block
  }

  @inlinable var value: Int { key &+ keyCount }
}
