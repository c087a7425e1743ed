extension Allocator {
  /// How many bytes the block at `offset` has room for; `nil` if there is no block in use. Never traps.
  func sizeOfBlock(at offset: Int) -> Int? {
    let descriptors = PageDescriptors(memory: memory)
    guard offset > 0, offset < memory.byteCount else { return nil }
    var page = offset >> HeapLayout.pageShift
    if descriptors.kind(page) == PageDescriptors.Kind.slabInterior {
      page -= descriptors.sizeClass(page)
      guard page > 0, descriptors.kind(page) == PageDescriptors.Kind.slab else { return nil }
    }
    let distance = offset - page << HeapLayout.pageShift
    switch descriptors.kind(page) {
    case PageDescriptors.Kind.usedRun:
      return distance == 0 ? descriptors.pages(page) * HeapLayout.pageSize : nil
    case PageDescriptors.Kind.slab:
      let slot = descriptors.slot(ofDistance: distance, page)
      guard slot < min(descriptors.slotCount(page), 256),
        slot * descriptors.slotSize(page) == distance, !descriptors.isFree(slot: slot, page)
      else { return nil }
      return descriptors.slotSize(page)
    default: return nil
    }
  }

  /// Calls `body` with the offset of each container's header, until it returns a sentence. After `walk()`
  /// has found nothing wrong.
  func firstHeaderFault(_ body: (Int) -> String?) -> String? {
    let descriptors = PageDescriptors(memory: memory)
    var page = HeapLayout.firstPage(pageCount: descriptors.pageCount)
    let end = AllocatorRoot(memory: memory).frontier
    while page < end {
      if descriptors.kind(page) == PageDescriptors.Kind.slab,
        descriptors.sizeClass(page) == SizeClass.headers
      {
        for slot in 0..<descriptors.slotCount(page) where !descriptors.isFree(slot: slot, page) {
          if let fault = body(page << HeapLayout.pageShift + slot * SizeClass.headerSize) {
            return fault
          }
        }
      }
      page += max(descriptors.pages(page), 1)
    }
    return nil
  }
}
