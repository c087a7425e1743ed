/// What a walk over all pages finds in use and free.
struct AllocatorStatistics {
  struct Class {
    var slabs = 0
    var blocks = 0
    var freeBlocks = 0
  }

  var classes = [Class](repeating: Class(), count: SizeClass.count)
  var runs = 0
  var pagesInRuns = 0
  var largestFree = 0
  var freePages = 0
  /// Never used, or in a run that was given back.
  var cleanPages = 0
  /// The first thing that is wrong, in a sentence.
  var fault: String?
}

extension Allocator {
  /// Walks all pages, and stops at the first thing that is wrong. Never traps, whatever the heap holds.
  func walk() -> AllocatorStatistics {
    var result = AllocatorStatistics()
    let descriptors = PageDescriptors(memory: memory)
    let root = AllocatorRoot(memory: memory)
    let pageCount = descriptors.pageCount
    let frontier = root.frontier
    var page = HeapLayout.firstPage(pageCount: pageCount)
    guard frontier >= page, frontier <= pageCount else {
      result.fault = "the frontier, page \(frontier), is not between \(page) and \(pageCount)"
      return result
    }
    var walk = PageWalk(root: root, descriptors: descriptors)
    while page < frontier {
      let length = walk.visit(page, frontier, &result)
      guard length > 0, result.fault == nil else { return result }
      page += length
    }
    let untouched = pageCount - frontier
    result.freePages += untouched
    result.cleanPages += untouched
    let last = FreeRuns(memory: memory).before(frontier)
    result.largestFree = max(
      result.largestFree, untouched + (last == 0 ? 0 : frontier - last))
    walk.finish(&result)
    return result
  }
}
