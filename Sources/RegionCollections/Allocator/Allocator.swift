/// Hands out blocks of a heap by offset. A value: all its state lies in the heap.
///
/// Offsets are never zero. Blocks are aligned to 16 at the least. Nothing of it is safe to call from two
/// threads at once.
@usableFromInline
struct Allocator: Sendable {
  /// The live heap.
  @usableFromInline let memory: MutableHeapMemory
  @usableFromInline let region: RegionReference

  @usableFromInline
  init(_ memory: MutableHeapMemory, _ region: RegionReference) {
    self.memory = memory
    self.region = region
  }

  var runs: PageRuns { PageRuns(memory: memory, region: region) }
  var slabs: Slabs { Slabs(runs: runs) }
  private var descriptors: PageDescriptors { PageDescriptors(memory: memory) }

  /// Makes the heap's memory, all zeros, ready to allocate from.
  func initialize() {
    AllocatorRoot(memory: memory).frontier =
      HeapLayout.firstPage(pageCount: memory.byteCount >> HeapLayout.pageShift)
  }

  /// A block of at least `byteCount` bytes, whose content is undefined.
  ///
  /// - Parameter alignment: A power of two.
  /// - Throws: `.outOfMemory`; nothing has changed.
  @usableFromInline
  func allocate(_ byteCount: Int, alignment: Int = 16) throws(RegionHeapError) -> Int {
    check(byteCount, alignment)
    try failIfForced(byteCount)
    if let sizeClass = SizeClass.holding(byteCount, alignment: alignment) {
      guard let offset = slabs.allocate(sizeClass) else { throw .outOfMemory(byteCount) }
      return offset
    }
    return try allocateRun(byteCount, alignment)
  }

  private func check(_ byteCount: Int, _ alignment: Int) {
    if byteCount < 0 || alignment < 1 || alignment & (alignment - 1) != 0 {
      trap("\(byteCount) bytes aligned to \(alignment) are no block")
    }
  }

  private func failIfForced(_ byteCount: Int) throws(RegionHeapError) {
    #if DEBUG
      if ForcedOutOfMemory.strikes(memory) { throw .outOfMemory(byteCount) }
    #endif
  }

  /// The slab that blocks of this size come from; none if they are runs of pages.
  func currentSlab(holding byteCount: Int) -> Int? {
    SizeClass.holding(byteCount, alignment: 16).map { slabs.root.current($0) }
  }

  /// A block of 64 bytes for a container's header, in a slab of headers.
  ///
  /// - Throws: `.outOfMemory`; nothing has changed.
  func allocateHeader() throws(RegionHeapError) -> Int {
    try failIfForced(SizeClass.headerSize)
    guard let offset = slabs.allocate(SizeClass.headers) else {
      throw .outOfMemory(SizeClass.headerSize)
    }
    return offset
  }

  private func allocateRun(_ byteCount: Int, _ alignment: Int) throws(RegionHeapError) -> Int {
    guard byteCount <= memory.byteCount, alignment <= memory.byteCount else {
      throw .outOfMemory(byteCount)
    }
    let count = max(HeapLayout.pages(byteCount), 1)
    let step = max(alignment >> HeapLayout.pageShift, 1)
    guard let taken = runs.take(count + step - 1) else { throw .outOfMemory(byteCount) }
    let first = (taken + step - 1) / step * step
    memory.zero(descriptors.offset(first), count: HeapLayout.descriptorSize)
    descriptors.setKind(PageDescriptors.Kind.usedRun, first)
    descriptors.setPages(count, first)
    if first > taken { runs.give(taken..<first) }
    let end = taken + count + step - 1
    if first + count < end { runs.give(first + count..<end) }
    return first << HeapLayout.pageShift
  }

  /// The first page of what the block at `offset` lies in. Traps if that is no block.
  private func owner(_ offset: Int) -> (page: Int, isSlab: Bool) {
    let page = offset >> HeapLayout.pageShift
    guard offset > 0, offset < memory.byteCount else {
      trap("there is no block at offset \(offset): it is outside the heap")
    }
    switch descriptors.kind(page) {
    case PageDescriptors.Kind.slab: return (page, true)
    case PageDescriptors.Kind.slabInterior:
      let first = page - descriptors.sizeClass(page)
      if first > 0, descriptors.kind(first) == PageDescriptors.Kind.slab { return (first, true) }
      trap("the slab around offset \(offset) has no start: the heap is damaged")
    case PageDescriptors.Kind.usedRun where offset & (HeapLayout.pageSize - 1) == 0:
      return (page, false)
    default: trap("there is no block at offset \(offset), or it is free already")
    }
  }

  /// Gives a block back. Traps if there is none at `offset`.
  @usableFromInline
  func deallocate(_ offset: Int) {
    let (page, isSlab) = owner(offset)
    if isSlab { return slabs.deallocate(offset, page) }
    descriptors.setKind(PageDescriptors.Kind.none, page)
    runs.give(page..<page + checkedPages(page))
  }

  private func checkedPages(_ page: Int) -> Int {
    let count = descriptors.pages(page)
    guard count > 0, page + count <= descriptors.pageCount else {
      trap("the run at page \(page) has \(count) pages: the heap is damaged")
    }
    return count
  }

  /// A block with the content of the one at `offset` as far as both reach; that one is gone, or is the
  /// same.
  ///
  /// - Throws: `.outOfMemory`; the block is as it was.
  @usableFromInline
  func reallocate(
    _ offset: Int, _ byteCount: Int, alignment: Int = 16
  ) throws(RegionHeapError) -> Int {
    check(byteCount, alignment)
    let (page, isSlab) = owner(offset)
    let old = usableSize(offset)
    if offset & (alignment - 1) == 0 {
      let sizeClass = SizeClass.holding(byteCount, alignment: alignment)
      if isSlab {
        if sizeClass == descriptors.sizeClass(page) { return offset }
      } else if sizeClass == nil, byteCount <= memory.byteCount {
        let count = checkedPages(page)
        if resize(page, from: count, to: max(HeapLayout.pages(byteCount), 1)) { return offset }
      }
    }
    let new = try allocate(byteCount, alignment: alignment)
    memory.copy(from: offset, to: new, count: min(old, byteCount))
    deallocate(offset)
    return new
  }

  private func resize(_ page: Int, from count: Int, to newCount: Int) -> Bool {
    if newCount > count {
      guard runs.extend(page, from: count, to: newCount) else { return false }
    }
    descriptors.setPages(newCount, page)
    if newCount < count { runs.give(page + newCount..<page + count) }
    return true
  }

  /// How many bytes the block at `offset` has room for. Traps if there is none.
  @usableFromInline
  func usableSize(_ offset: Int) -> Int {
    let (page, isSlab) = owner(offset)
    guard isSlab else { return checkedPages(page) << HeapLayout.pageShift }
    let distance = offset - page << HeapLayout.pageShift
    let slot = descriptors.slot(ofDistance: distance, page)
    let size = descriptors.slotSize(page)
    guard slot < descriptors.slotCount(page), slot * size == distance,
      !descriptors.isFree(slot: slot, page)
    else { trap("there is no block at offset \(offset), or it is free already") }
    return size
  }
}
