/// What is fixed when a heap is made: the first 128 bytes, under a checksum.
struct HeapHeader {
  /// "RgnHeap\0".
  static let magic: UInt64 = 0x0070_6165_486e_6752
  static let byteOrderMark: UInt32 = 0x0102_0304
  /// Format 1 has types' names without what is around them.
  static let newestVersion: UInt32 = 2
  static let firstWithQualifiedTypes: UInt32 = 2
  static let byteCount = 128
  private static let checksumOffset = 120

  /// The format.
  var version: UInt32
  /// Of the heap, in bytes; whole pages.
  var capacity: Int
  /// Random: tells this heap from others.
  var identity: UInt64
  /// Random: seeds the hash tables of this heap.
  var seed: UInt64
  /// The list of named places.
  var directoryOffset: UInt64
  var directoryIdentity: UInt64

  func write(to memory: MutableHeapMemory) {
    memory.zero(0, count: HeapHeader.byteCount)
    memory.store(HeapHeader.magic, at: 0)
    memory.store(HeapHeader.byteOrderMark, at: 8)
    memory.store(version, at: 12)
    memory.store(UInt64(capacity), at: 16)
    memory.store(identity, at: 24)
    memory.store(seed, at: 32)
    memory.store(directoryOffset, at: 40)
    memory.store(directoryIdentity, at: 48)
    memory.store(HeapHeader.checksum(memory.readable), at: HeapHeader.checksumOffset)
  }

  /// Reads the header in the first bytes of a region and checks it.
  ///
  /// - Parameter isWhole: Whether the memory must hold all of the heap.
  init(_ memory: HeapMemory, isWhole: Bool = true) throws(RegionHeapError) {
    guard memory.byteCount >= HeapLayout.pageSize, memory.load(0) == HeapHeader.magic else {
      throw RegionHeapError(
        .notAHeap, "the region holds no heap; make one with RegionHeap(byteCount:options:)")
    }
    let mark: UInt32 = memory.load(8)
    guard mark == HeapHeader.byteOrderMark else {
      if mark == HeapHeader.byteOrderMark.byteSwapped {
        throw RegionHeapError(
          .otherByteOrder,
          "the heap was written on a machine of the other byte order; read it on such a one")
      }
      throw .damagedHeader
    }
    version = memory.load(12)
    guard version <= HeapHeader.newestVersion else {
      throw RegionHeapError(
        .newerVersion,
        "the heap has format \(version), this library reads up to \(HeapHeader.newestVersion); update it"
      )
    }
    guard version > 0, memory.load(HeapHeader.checksumOffset) == HeapHeader.checksum(memory) else {
      throw .damagedHeader
    }
    capacity = memory.loadInt(16)
    identity = memory.load(24)
    seed = memory.load(32)
    directoryOffset = memory.load(40)
    directoryIdentity = memory.load(48)
    guard capacity >= HeapHeader.smallestCapacity, capacity % HeapLayout.pageSize == 0 else {
      throw .damagedHeader
    }
    guard !isWhole || capacity <= memory.byteCount else {
      throw RegionHeapError(
        .damaged,
        "the heap has \(capacity) bytes, the region only \(memory.byteCount); load all of it")
    }
  }

  init(capacity: Int, directoryOffset: UInt64, directoryIdentity: UInt64) {
    version = HeapHeader.newestVersion
    self.capacity = capacity
    identity = .random(in: 1...UInt64.max)
    seed = .random(in: UInt64.min...UInt64.max)
    self.directoryOffset = directoryOffset
    self.directoryIdentity = directoryIdentity
  }

  static let smallestCapacity = 16 * HeapLayout.pageSize

  /// FNV-1a over the words before the checksum: finds damage, not malice.
  private static func checksum(_ memory: HeapMemory) -> UInt64 {
    var sum: UInt64 = 0xcbf2_9ce4_8422_2325
    for offset in stride(from: 0, to: checksumOffset, by: 8) {
      sum = (sum ^ memory.load(offset, as: UInt64.self)) &* 0x100_0000_01b3
      sum ^= sum >> 32
    }
    return sum
  }
}

extension RegionHeapError {
  fileprivate static var damagedHeader: RegionHeapError {
    RegionHeapError(.damaged, "the heap's header is damaged; restore the file from a copy")
  }
}
