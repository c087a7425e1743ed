/// What is known of each page, in a table of its own: blocks have no headers, free ones no links, so that
/// freeing one dirties none but the table's pages, one for 64 pages of blocks.
///
/// | byte | what |
/// |---|---|
/// | 0 | kind |
/// | 1 | size class of a slab · distance to the slab's first page |
/// | 2 | list that a slab is in · whether a free run is clean |
/// | 4 | pages of the slab or run, also in a free run's last page |
/// | 8, 12 | next and previous in the list, pages; zero for none |
/// | 16, 18 | slots of a slab, and how many are free |
/// | 20, 24 | size of a slot, and 2³² divided by it, rounded up |
/// | 32 | a bit for each slot, set if it is free |
struct PageDescriptors {
  /// Only a run's or slab's first page, a free run's last and a slab's others have a kind.
  enum Kind {
    static let none: UInt8 = 0
    static let freeRun: UInt8 = 1
    static let slab: UInt8 = 2
    static let usedRun: UInt8 = 3
    static let slabInterior: UInt8 = 4
    static let freeRunEnd: UInt8 = 5
  }

  let memory: MutableHeapMemory

  var pageCount: Int { memory.byteCount >> HeapLayout.pageShift }

  func offset(_ page: Int) -> Int {
    // Page numbers that a damaged heap holds have 32 bits: no overflow.
    HeapLayout.descriptorsOffset &+ page &* HeapLayout.descriptorSize
  }

  func kind(_ page: Int) -> UInt8 { memory.load(offset(page)) }
  func setKind(_ kind: UInt8, _ page: Int) { memory.store(kind, at: offset(page)) }

  func sizeClass(_ page: Int) -> Int { Int(memory.load(offset(page) + 1, as: UInt8.self)) }
  func setSizeClass(_ value: Int, _ page: Int) {
    memory.store(UInt8(truncatingIfNeeded: value), at: offset(page) + 1)
  }

  func mark(_ page: Int) -> UInt8 { memory.load(offset(page) + 2) }
  func setMark(_ mark: UInt8, _ page: Int) { memory.store(mark, at: offset(page) + 2) }

  func pages(_ page: Int) -> Int { Int(memory.load(offset(page) + 4, as: UInt32.self)) }
  func setPages(_ count: Int, _ page: Int) {
    memory.store(UInt32(truncatingIfNeeded: count), at: offset(page) + 4)
  }

  func next(_ page: Int) -> Int { Int(memory.load(offset(page) + 8, as: UInt32.self)) }
  func setNext(_ next: Int, _ page: Int) {
    memory.store(UInt32(truncatingIfNeeded: next), at: offset(page) + 8)
  }

  func previous(_ page: Int) -> Int { Int(memory.load(offset(page) + 12, as: UInt32.self)) }
  func setPrevious(_ previous: Int, _ page: Int) {
    memory.store(UInt32(truncatingIfNeeded: previous), at: offset(page) + 12)
  }

  func slotCount(_ page: Int) -> Int { Int(memory.load(offset(page) + 16, as: UInt16.self)) }
  func setSlotCount(_ count: Int, _ page: Int) {
    memory.store(UInt16(truncatingIfNeeded: count), at: offset(page) + 16)
  }

  func freeCount(_ page: Int) -> Int { Int(memory.load(offset(page) + 18, as: UInt16.self)) }
  func setFreeCount(_ count: Int, _ page: Int) {
    memory.store(UInt16(truncatingIfNeeded: count), at: offset(page) + 18)
  }

  func slotSize(_ page: Int) -> Int { Int(memory.load(offset(page) + 20, as: UInt16.self)) }
  func setSlotSize(_ size: Int, _ page: Int) {
    memory.store(UInt16(truncatingIfNeeded: size), at: offset(page) + 20)
    memory.store(UInt32((UInt64(1) << 32 + UInt64(size) - 1) / UInt64(size)), at: offset(page) + 24)
  }

  /// Which slot so many bytes behind a slab's start are in: exact below 32 KiB.
  func slot(ofDistance distance: Int, _ page: Int) -> Int {
    (distance &* Int(memory.load(offset(page) + 24, as: UInt32.self))) >> 32
  }

  func word(_ index: Int, _ page: Int) -> UInt64 { memory.load(offset(page) + 32 + index * 8) }
  func setWord(_ word: UInt64, _ index: Int, _ page: Int) {
    memory.store(word, at: offset(page) + 32 + index * 8)
  }

  func isFree(slot: Int, _ page: Int) -> Bool {
    word(slot >> 6, page) >> UInt64(slot & 63) & 1 != 0
  }
}
