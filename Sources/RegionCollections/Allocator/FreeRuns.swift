/// The free runs of pages, in bins by their length: each length to seven has its own, then there are eight
/// for each doubling. Dirty runs, which may hold memory, and clean ones, which were given back, are kept
/// apart; no two of one kind are neighbours.
///
/// Links lie in the descriptors, never in the pages. The run that was freed last is found first.
struct FreeRuns {
  let memory: MutableHeapMemory
  var descriptors: PageDescriptors { PageDescriptors(memory: memory) }

  static let binCount = 256

  static func bin(_ pages: Int) -> Int {
    guard pages >= 8 else { return pages }
    let exponent = Int.bitWidth - 1 - pages.leadingZeroBitCount
    return (exponent - 2) << 3 + (pages >> (exponent - 3)) & 7
  }

  /// The first bin all of whose runs have at least so many pages.
  static func binHolding(_ pages: Int) -> Int {
    guard pages >= 8 else { return pages }
    let exponent = Int.bitWidth - 1 - pages.leadingZeroBitCount
    let step = 1 << (exponent - 3)
    return bin(pages + step - 1)
  }

  /// Makes a free run of pages that belong to none.
  func insert(_ pages: Range<Int>, isClean: Bool) {
    let first = pages.lowerBound
    let descriptors = descriptors
    descriptors.setKind(PageDescriptors.Kind.freeRun, first)
    descriptors.setMark(isClean ? 1 : 0, first)
    descriptors.setPages(pages.count, first)
    if pages.count > 1 {
      let last = pages.upperBound - 1
      descriptors.setKind(PageDescriptors.Kind.freeRunEnd, last)
      descriptors.setPages(pages.count, last)
    }
    let bin = FreeRuns.bin(pages.count)
    let slot = AllocatorRoot.binHead(bin, isClean: isClean)
    let head = Int(memory.load(slot, as: UInt32.self))
    descriptors.setNext(head, first)
    descriptors.setPrevious(0, first)
    if head != 0 { descriptors.setPrevious(first, head) }
    memory.store(UInt32(truncatingIfNeeded: first), at: slot)
    let bits = AllocatorRoot.binBits(isClean: isClean) + (bin >> 6) * 8
    memory.store(memory.load(bits, as: UInt64.self) | 1 << UInt64(bin & 63), at: bits)
    if !isClean { AllocatorRoot(memory: memory).dirtyFreePages &+= pages.count }
  }

  /// Takes a run out of its bin; its pages belong to none then.
  func remove(_ first: Int) -> (pages: Range<Int>, isClean: Bool) {
    let descriptors = descriptors
    let count = descriptors.pages(first)
    let isClean = descriptors.mark(first) != 0
    guard descriptors.kind(first) == PageDescriptors.Kind.freeRun, count > 0,
      first + count <= descriptors.pageCount
    else { trap("a free run at page \(first) is none: the heap is damaged") }
    let next = descriptors.next(first)
    let previous = descriptors.previous(first)
    if next != 0 { descriptors.setPrevious(previous, next) }
    if previous != 0 {
      descriptors.setNext(next, previous)
    } else {
      let bin = FreeRuns.bin(count)
      memory.store(
        UInt32(truncatingIfNeeded: next), at: AllocatorRoot.binHead(bin, isClean: isClean))
      if next == 0 {
        let bits = AllocatorRoot.binBits(isClean: isClean) + (bin >> 6) * 8
        memory.store(memory.load(bits, as: UInt64.self) & ~(1 << UInt64(bin & 63)), at: bits)
      }
    }
    descriptors.setKind(PageDescriptors.Kind.none, first)
    descriptors.setKind(PageDescriptors.Kind.none, first + count - 1)
    if !isClean { AllocatorRoot(memory: memory).dirtyFreePages &-= count }
    return (first..<first + count, isClean)
  }

  /// The first run of the first bin from `bin` on that is not empty; zero if there is none.
  func first(from bin: Int, isClean: Bool) -> Int {
    var index = bin >> 6
    guard index < FreeRuns.binCount / 64 else { return 0 }
    var mask = UInt64.max << UInt64(bin & 63)
    while index < FreeRuns.binCount / 64 {
      let word = memory.load(AllocatorRoot.binBits(isClean: isClean) + index * 8, as: UInt64.self)
      if word & mask != 0 {
        return head(index * 64 + (word & mask).trailingZeroBitCount, isClean: isClean)
      }
      mask = .max
      index += 1
    }
    return 0
  }

  /// The first run of the last bin that is not empty, and that bin; `nil` if there is none from `bin` on.
  func last(from bin: Int, isClean: Bool) -> Int? {
    for index in stride(from: FreeRuns.binCount / 64 - 1, through: 0, by: -1) {
      let word = memory.load(AllocatorRoot.binBits(isClean: isClean) + index * 8, as: UInt64.self)
      guard word != 0 else { continue }
      let found = index * 64 + 63 - word.leadingZeroBitCount
      return found >= bin ? head(found, isClean: isClean) : nil
    }
    return nil
  }

  func head(_ bin: Int, isClean: Bool) -> Int {
    Int(memory.load(AllocatorRoot.binHead(bin, isClean: isClean), as: UInt32.self))
  }

  /// A run of at least so many pages in a bin of which not all have as many; zero if there is none.
  func search(_ pages: Int, isClean: Bool) -> Int {
    let descriptors = descriptors
    var run = head(FreeRuns.bin(pages), isClean: isClean)
    var steps = descriptors.pageCount
    while run != 0, descriptors.pages(run) < pages {
      run = descriptors.next(run)
      steps -= 1
      if steps < 0 { trap("a list of free runs has no end: the heap is damaged") }
    }
    return run
  }

  /// The first page of the free run that ends before `page`; zero if there is none.
  func before(_ page: Int) -> Int {
    let last = page - 1
    switch descriptors.kind(last) {
    case PageDescriptors.Kind.freeRun: return descriptors.pages(last) == 1 ? last : 0
    case PageDescriptors.Kind.freeRunEnd: return max(page - descriptors.pages(last), 0)
    default: return 0
    }
  }
}
