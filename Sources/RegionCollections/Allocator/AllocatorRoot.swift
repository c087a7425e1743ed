/// The allocator's root: the one page that most operations change.
///
/// | byte of the heap | what |
/// |---|---|
/// | 512 | frontier: the first page that was never used |
/// | 520 | pages in slabs and used runs |
/// | 528 | free pages that may hold memory |
/// | 576, 608 | which bins of dirty, of clean free runs are not empty, a bit each |
/// | 640, 1664 | first run of each bin, dirty, clean |
/// | 2688 | of each size class: current slab, first slab with room, slabs with little room |
struct AllocatorRoot {
  let memory: MutableHeapMemory

  var frontier: Int {
    get { memory.loadInt(HeapLayout.rootOffset) }
    nonmutating set { memory.store(newValue, at: HeapLayout.rootOffset) }
  }

  /// Counts wrap around: a damaged heap may hold any.
  var usedPages: Int {
    get { memory.loadInt(HeapLayout.rootOffset + 8) }
    nonmutating set { memory.store(newValue, at: HeapLayout.rootOffset + 8) }
  }

  var dirtyFreePages: Int {
    get { memory.loadInt(HeapLayout.rootOffset + 16) }
    nonmutating set { memory.store(newValue, at: HeapLayout.rootOffset + 16) }
  }

  static func binBits(isClean: Bool) -> Int { HeapLayout.rootOffset + (isClean ? 96 : 64) }

  static func binHead(_ bin: Int, isClean: Bool) -> Int {
    HeapLayout.rootOffset + (isClean ? 1152 : 128) + bin * 4
  }

  static func sizeClass(_ index: Int) -> Int { HeapLayout.rootOffset + 2176 + index * 16 }

  func current(_ sizeClass: Int) -> Int {
    Int(memory.load(AllocatorRoot.sizeClass(sizeClass), as: UInt32.self))
  }
  func setCurrent(_ page: Int, _ sizeClass: Int) {
    memory.store(UInt32(truncatingIfNeeded: page), at: AllocatorRoot.sizeClass(sizeClass))
  }

  /// The first slab with room, which was put there last.
  func roomy(_ sizeClass: Int) -> Int {
    Int(memory.load(AllocatorRoot.sizeClass(sizeClass) + 4, as: UInt32.self))
  }
  func setRoomy(_ page: Int, _ sizeClass: Int) {
    memory.store(UInt32(truncatingIfNeeded: page), at: AllocatorRoot.sizeClass(sizeClass) + 4)
  }

  /// How many slabs have free slots, but too few to be in the list.
  func sparse(_ sizeClass: Int) -> Int {
    Int(memory.load(AllocatorRoot.sizeClass(sizeClass) + 8, as: UInt32.self))
  }
  func setSparse(_ count: Int, _ sizeClass: Int) {
    memory.store(UInt32(truncatingIfNeeded: count), at: AllocatorRoot.sizeClass(sizeClass) + 8)
  }
}
