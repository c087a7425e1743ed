/// One walk over the descriptors: what each page is, and whether lists, bits and counts say the same.
struct PageWalk {
  let root: AllocatorRoot
  let descriptors: PageDescriptors
  private var usedPages = 0
  private var dirtyFreePages = 0
  private var freeRuns = 0
  private var roomy = [Int](repeating: 0, count: SizeClass.count)
  private var sparse = [Int](repeating: 0, count: SizeClass.count)
  private var previousIsFree: UInt8?

  init(root: AllocatorRoot, descriptors: PageDescriptors) {
    self.root = root
    self.descriptors = descriptors
  }

  /// Looks at what begins with `page`, and returns how many pages it has.
  mutating func visit(_ page: Int, _ frontier: Int, _ result: inout AllocatorStatistics) -> Int {
    let count = descriptors.pages(page)
    let kind = descriptors.kind(page)
    guard count > 0, count <= frontier - page else {
      result.fault =
        "what begins at page \(page) has \(count) pages, which reach beyond the frontier"
      return 0
    }
    switch kind {
    case PageDescriptors.Kind.slab:
      result.fault = visitSlab(page, count, &result)
    case PageDescriptors.Kind.usedRun:
      result.runs += 1
      result.pagesInRuns += count
    case PageDescriptors.Kind.freeRun:
      result.fault = visitFree(page, count)
      freeRuns += 1
      result.freePages += count
      result.largestFree = max(result.largestFree, count)
      if descriptors.mark(page) != 0 { result.cleanPages += count }
    default: result.fault = "page \(page) begins nothing: its kind is \(kind)"
    }
    if kind == PageDescriptors.Kind.freeRun {
      previousIsFree = descriptors.mark(page)
    } else {
      previousIsFree = nil
      usedPages += count
    }
    return count
  }

  private mutating func visitFree(_ page: Int, _ count: Int) -> String? {
    let mark = descriptors.mark(page)
    if mark == 0 { dirtyFreePages += count }
    if mark > 1 { return "the free run at page \(page) is neither clean nor dirty" }
    if previousIsFree == mark {
      return "the free run at page \(page) is not joined with the one before"
    }
    let last = page + count - 1
    if count > 1,
      descriptors.kind(last) != PageDescriptors.Kind.freeRunEnd || descriptors.pages(last) != count
    {
      return "the free run at page \(page) has another length at its end"
    }
    return nil
  }

  private mutating func visitSlab(
    _ page: Int, _ count: Int, _ result: inout AllocatorStatistics
  ) -> String? {
    let sizeClass = descriptors.sizeClass(page)
    guard sizeClass < SizeClass.count, count == SizeClass.slabPages(sizeClass) else {
      return "the slab at page \(page) has class \(sizeClass) and \(count) pages"
    }
    let size = SizeClass.slotSize(sizeClass)
    let slots = min(count * HeapLayout.pageSize / size, 256)
    guard descriptors.slotSize(page) == size, descriptors.slotCount(page) == slots else {
      return "the slab at page \(page) has \(descriptors.slotCount(page)) slots of "
        + "\(descriptors.slotSize(page)) bytes instead of \(slots) of \(size)"
    }
    for distance in 1..<max(count, 1)
    where descriptors.kind(page + distance) != PageDescriptors.Kind.slabInterior
      || descriptors.sizeClass(page + distance) != distance
    {
      return "page \(page + distance) does not say that it belongs to the slab at page \(page)"
    }
    var free = 0
    for index in 0..<4 {
      let word = descriptors.word(index, page)
      free += word.nonzeroBitCount
      let valid = min(max(slots - index * 64, 0), 64)
      if valid < 64, word >> UInt64(valid) != 0 {
        return "the slab at page \(page) has free slots that it has not"
      }
    }
    guard free == descriptors.freeCount(page) else {
      return
        "the slab at page \(page) counts \(descriptors.freeCount(page)) free slots and has \(free)"
    }
    result.classes[sizeClass].slabs += 1
    result.classes[sizeClass].blocks += slots - free
    result.classes[sizeClass].freeBlocks += free
    return visitList(page, sizeClass, free, slots)
  }

  private mutating func visitList(
    _ page: Int, _ sizeClass: Int, _ free: Int, _ slots: Int
  ) -> String? {
    switch descriptors.mark(page) {
    case Slabs.List.current:
      if root.current(sizeClass) != page {
        return "the slab at page \(page) says that it is the current one, and is not"
      }
    case Slabs.List.roomy:
      roomy[sizeClass] += 1
      if free == 0 || free == slots {
        return "the slab at page \(page) is in the list of those with room, with \(free) free slots"
      }
    default:
      if free >= Slabs.fewestFree(slots) {
        return "the slab at page \(page) has \(free) free slots and is in no list"
      }
      if free > 0 { sparse[sizeClass] += 1 }
    }
    return nil
  }

  /// Compares lists and counts with what was seen.
  func finish(_ result: inout AllocatorStatistics) {
    guard result.fault == nil else { return }
    if root.usedPages != usedPages {
      result.fault = "\(root.usedPages) pages are counted as used, \(usedPages) are"
    }
    if root.dirtyFreePages != dirtyFreePages {
      result.fault = "\(root.dirtyFreePages) free pages are counted as dirty, \(dirtyFreePages) are"
    }
    for sizeClass in 0..<SizeClass.count where result.fault == nil {
      if root.sparse(sizeClass) != sparse[sizeClass] {
        result.fault =
          "class \(sizeClass) counts \(root.sparse(sizeClass)) slabs with little room and "
          + "has \(sparse[sizeClass])"
      } else {
        result.fault = listFault(
          root.roomy(sizeClass), count: roomy[sizeClass], "of class \(sizeClass)"
        ) { page in
          descriptors.kind(page) == PageDescriptors.Kind.slab
            && descriptors.mark(page) == Slabs.List.roomy
            && descriptors.sizeClass(page) == sizeClass
        }
      }
      let current = root.current(sizeClass)
      if current != 0 {
        let isCurrent =
          current < descriptors.pageCount
          && descriptors.kind(current) == PageDescriptors.Kind.slab
          && descriptors.mark(current) == Slabs.List.current
          && descriptors.sizeClass(current) == sizeClass
        if !isCurrent { result.fault = "the current slab of class \(sizeClass) is none" }
      }
    }
    if result.fault == nil { result.fault = binFault() }
  }

  private func binFault() -> String? {
    let free = FreeRuns(memory: descriptors.memory)
    var listed = 0
    for isClean in [false, true] {
      for bin in 0..<FreeRuns.binCount {
        let head = free.head(bin, isClean: isClean)
        let bits = descriptors.memory.load(
          AllocatorRoot.binBits(isClean: isClean) + (bin >> 6) * 8, as: UInt64.self)
        if (bits >> UInt64(bin & 63) & 1 != 0) != (head != 0) {
          return "the bit of bin \(bin) of free runs is wrong"
        }
        if head == 0 { continue }
        let fault = listFault(head, count: nil, "of bin \(bin)") { page in
          listed += 1
          return listed <= freeRuns && descriptors.kind(page) == PageDescriptors.Kind.freeRun
            && FreeRuns.bin(descriptors.pages(page)) == bin
            && (descriptors.mark(page) != 0) == isClean
        }
        if let fault { return fault }
      }
    }
    return listed == freeRuns ? nil : "\(freeRuns) free runs are there, \(listed) in bins"
  }

  private func listFault(
    _ head: Int, count: Int?, _ name: String, _ isMember: (Int) -> Bool
  ) -> String? {
    var page = head
    var previous = 0
    var seen = 0
    while page != 0 {
      guard page < descriptors.pageCount, isMember(page), descriptors.previous(page) == previous,
        seen < count ?? .max
      else { return "the list \(name) has page \(page) that does not belong there" }
      seen += 1
      previous = page
      page = descriptors.next(page)
    }
    if let count, seen != count { return "the list \(name) has \(seen) of \(count) slabs" }
    return nil
  }
}
