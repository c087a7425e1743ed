/// Runs of whole pages, of which slabs and large blocks are made.
struct PageRuns {
  let memory: MutableHeapMemory
  let region: RegionReference
  var descriptors: PageDescriptors { PageDescriptors(memory: memory) }
  var free: FreeRuns { FreeRuns(memory: memory) }
  var root: AllocatorRoot { AllocatorRoot(memory: memory) }

  /// The fewest pages that are worth a system call to give back.
  private static let fewestToGiveBack = 16
  /// How many free pages may hold memory, whatever the heap's size.
  private static let pagesKept = 256

  /// Takes pages that were used lately, else ones that were given back, else new ones. `nil` if there are
  /// not so many in a row; nothing has changed then.
  func take(_ count: Int) -> Int? {
    let bin = FreeRuns.binHolding(count)
    for isClean in [false, true] {
      let run = free.first(from: bin, isClean: isClean)
      if run != 0 { return carve(run, count) }
    }
    if let page = takeNew(count) { return page }
    for isClean in [false, true] {
      let run = free.search(count, isClean: isClean)
      if run != 0 { return carve(run, count) }
    }
    guard joinAll() else { return nil }
    let run = free.first(from: bin, isClean: true)
    if run != 0 { return carve(run, count) }
    let other = free.search(count, isClean: true)
    if other != 0 { return carve(other, count) }
    return takeNew(count)
  }

  /// Takes the first pages of a free run; the others stay free.
  private func carve(_ run: Int, _ count: Int) -> Int {
    let (pages, isClean) = free.remove(run)
    guard pages.count >= count else { trap("a free run is too short: the heap is damaged") }
    if pages.count > count {
      free.insert(pages.lowerBound + count..<pages.upperBound, isClean: isClean)
    }
    root.usedPages &+= count
    return pages.lowerBound
  }

  /// Takes pages from the frontier on, the free ones just before it included.
  private func takeNew(_ count: Int) -> Int? {
    let frontier = root.frontier
    guard frontier > 0, frontier <= descriptors.pageCount else {
      trap("the frontier is outside the heap: the heap is damaged")
    }
    var first = frontier
    let run = free.before(frontier)
    if run != 0, frontier - run < count { first = run }
    guard count <= descriptors.pageCount - first else { return nil }
    if first < frontier { _ = free.remove(first) }
    root.frontier = first + count
    root.usedPages &+= count
    return first
  }

  /// Makes pages that belong to none free, and joins them with neighbours.
  func give(_ pages: Range<Int>) {
    root.usedPages &-= pages.count
    insertJoined(pages, isClean: false)
    let limit = max(PageRuns.pagesKept, root.usedPages / 4)
    if root.dirtyFreePages > limit { giveBack(until: limit / 2) }
  }

  private func insertJoined(_ pages: Range<Int>, isClean: Bool) {
    let mark: UInt8 = isClean ? 1 : 0
    var first = pages.lowerBound
    var end = pages.upperBound
    let before = free.before(first)
    if before != 0, descriptors.mark(before) == mark {
      first = free.remove(before).pages.lowerBound
    }
    if end < root.frontier, descriptors.kind(end) == PageDescriptors.Kind.freeRun,
      descriptors.mark(end) == mark
    {
      end = free.remove(end).pages.upperBound
    }
    free.insert(first..<end, isClean: isClean)
  }

  /// Gives the longest free runs back to the system, until at most so many pages may hold memory.
  ///
  /// A page is given back once for each time that it was freed.
  func giveBack(until limit: Int, fewest: Int = PageRuns.fewestToGiveBack) {
    while root.dirtyFreePages > limit,
      let run = free.last(from: FreeRuns.bin(fewest), isClean: false)
    {
      let (pages, _) = free.remove(run)
      let pageSize = HeapLayout.pageSize
      let isDone = region.discard(
        pages.lowerBound * pageSize..<pages.upperBound * pageSize)
      insertJoined(pages, isClean: isDone)
      if !isDone { return }
    }
  }

  /// Gives all free runs back, so that those which are neighbours become one. False if there were none.
  private func joinAll() -> Bool {
    guard root.dirtyFreePages > 0 else { return false }
    giveBack(until: 0, fewest: 1)
    return true
  }

  /// Makes a used run longer where it is, if what follows is free. False if not.
  func extend(_ first: Int, from count: Int, to newCount: Int) -> Bool {
    let missing = newCount - count
    let end = first + count
    if end == root.frontier {
      guard missing <= descriptors.pageCount - end else { return false }
      root.frontier = end + missing
      root.usedPages &+= missing
      return true
    }
    guard descriptors.kind(end) == PageDescriptors.Kind.freeRun else { return false }
    let length = descriptors.pages(end)
    if length >= missing {
      _ = carve(end, missing)
      return true
    }
    guard end + length == root.frontier, missing <= descriptors.pageCount - end else {
      return false
    }
    _ = free.remove(end)
    root.frontier = end + missing
    root.usedPages &+= missing
    return true
  }
}
