/// Small blocks: slots of one size in a slab of some pages.
///
/// A block is taken from the class's current slab until that is full; then from the slab that got room
/// last. A slab with few free slots is passed over as long as there are other pages: filling it would
/// dirty a page for each block.
struct Slabs {
  let runs: PageRuns
  var memory: MutableHeapMemory { runs.memory }
  var descriptors: PageDescriptors { runs.descriptors }
  var root: AllocatorRoot { runs.root }

  enum List {
    static let none: UInt8 = 0
    static let roomy: UInt8 = 1
    static let current: UInt8 = 2
  }

  /// How many slots must be free before a slab is filled again: an eighth, or a quarter of few, so that a page
  /// that is dirtied takes more than one block.
  static func fewestFree(_ slotCount: Int) -> Int {
    max(slotCount >> 3, min(slotCount >> 2, 4), 1)
  }

  /// A free slot's offset. `nil` without memory; nothing has changed then.
  func allocate(_ sizeClass: Int) -> Int? {
    var page = root.current(sizeClass)
    if page == 0 || descriptors.freeCount(page) == 0 {
      guard let next = nextSlab(sizeClass) else { return nil }
      if page != 0 { descriptors.setMark(List.none, page) }
      descriptors.setMark(List.current, next)
      root.setCurrent(next, sizeClass)
      page = next
    }
    for index in 0..<4 {
      let word = descriptors.word(index, page)
      guard word != 0 else { continue }
      descriptors.setWord(word & (word &- 1), index, page)
      descriptors.setFreeCount(descriptors.freeCount(page) - 1, page)
      let slot = index << 6 + word.trailingZeroBitCount
      return page << HeapLayout.pageShift + slot * descriptors.slotSize(page)
    }
    trap("a slab's free slots are not where they should be: the heap is damaged")
  }

  private func nextSlab(_ sizeClass: Int) -> Int? {
    let roomy = root.roomy(sizeClass)
    if roomy != 0 {
      unlink(roomy, sizeClass)
      return roomy
    }
    if let new = make(sizeClass) { return new }
    guard root.sparse(sizeClass) > 0 else { return nil }
    listSparse(sizeClass)
    let found = root.roomy(sizeClass)
    guard found != 0 else { return nil }
    unlink(found, sizeClass)
    return found
  }

  private func make(_ sizeClass: Int) -> Int? {
    let pages = SizeClass.slabPages(sizeClass)
    guard let first = runs.take(pages) else { return nil }
    let size = SizeClass.slotSize(sizeClass)
    let slots = min(pages * HeapLayout.pageSize / size, 256)
    memory.zero(descriptors.offset(first), count: HeapLayout.descriptorSize)
    descriptors.setKind(PageDescriptors.Kind.slab, first)
    descriptors.setSizeClass(sizeClass, first)
    descriptors.setPages(pages, first)
    descriptors.setSlotCount(slots, first)
    descriptors.setFreeCount(slots, first)
    descriptors.setSlotSize(size, first)
    for index in 0..<4 {
      let count = min(max(slots - index * 64, 0), 64)
      let word: UInt64 = count == 64 ? .max : 1 << UInt64(count) - 1
      descriptors.setWord(word, index, first)
    }
    for distance in 1..<max(pages, 1) {
      descriptors.setKind(PageDescriptors.Kind.slabInterior, first + distance)
      descriptors.setSizeClass(distance, first + distance)
    }
    return first
  }

  /// Frees the slot at `offset` of the slab that begins with `page`.
  func deallocate(_ offset: Int, _ page: Int) {
    let distance = offset - page << HeapLayout.pageShift
    let slot = descriptors.slot(ofDistance: distance, page)
    let slotCount = descriptors.slotCount(page)
    guard slot < slotCount, slot * descriptors.slotSize(page) == distance else {
      trap("offset \(offset) is inside a block, not its start: it cannot be freed")
    }
    let word = descriptors.word(slot >> 6, page)
    let bit: UInt64 = 1 << UInt64(slot & 63)
    if word & bit != 0 { trap("the block at offset \(offset) is free already") }
    descriptors.setWord(word | bit, slot >> 6, page)
    let freeCount = descriptors.freeCount(page) + 1
    descriptors.setFreeCount(freeCount, page)
    let mark = descriptors.mark(page)
    if mark == List.current { return }
    let fewest = Slabs.fewestFree(slotCount)
    let sizeClass = descriptors.sizeClass(page)
    if freeCount == slotCount {
      if mark == List.roomy {
        unlink(page, sizeClass)
      }
      release(page)
    } else if mark == List.none {
      if freeCount >= fewest {
        if fewest > 1 { root.setSparse(root.sparse(sizeClass) - 1, sizeClass) }
        link(page, sizeClass)
      } else if freeCount == 1 {
        root.setSparse(root.sparse(sizeClass) + 1, sizeClass)
      }
    }
  }

  private func release(_ page: Int) {
    let pages = descriptors.pages(page)
    for distance in 0..<pages {
      descriptors.setKind(PageDescriptors.Kind.none, page + distance)
    }
    runs.give(page..<page + pages)
  }

  /// Puts a slab first in the list of those with room.
  private func link(_ page: Int, _ sizeClass: Int) {
    let head = root.roomy(sizeClass)
    descriptors.setMark(List.roomy, page)
    descriptors.setNext(head, page)
    descriptors.setPrevious(0, page)
    if head != 0 { descriptors.setPrevious(page, head) }
    root.setRoomy(page, sizeClass)
  }

  private func unlink(_ page: Int, _ sizeClass: Int) {
    let next = descriptors.next(page)
    let previous = descriptors.previous(page)
    if next != 0 { descriptors.setPrevious(previous, next) }
    if previous != 0 {
      descriptors.setNext(next, previous)
    } else {
      root.setRoomy(next, sizeClass)
    }
    descriptors.setMark(List.none, page)
  }

  /// Puts all slabs with any free slot in the list: the last resort, and a look at every page.
  private func listSparse(_ sizeClass: Int) {
    root.setSparse(0, sizeClass)
    let current = root.current(sizeClass)
    var page = HeapLayout.firstPage(pageCount: descriptors.pageCount)
    let end = min(root.frontier, descriptors.pageCount)
    while page < end {
      switch descriptors.kind(page) {
      case PageDescriptors.Kind.slab:
        if descriptors.sizeClass(page) == sizeClass, page != current,
          descriptors.mark(page) == List.none, descriptors.freeCount(page) > 0
        {
          link(page, sizeClass)
        }
        page += max(descriptors.pages(page), 1)
      case PageDescriptors.Kind.freeRun, PageDescriptors.Kind.usedRun:
        page += max(descriptors.pages(page), 1)
      default: trap("page \(page) is nothing's first: the heap is damaged")
      }
    }
  }
}
