internal import MemorySnapshots

/// Compares snapshots page by page, each with each, and with what `changedRanges(since:)` says.
struct ChangeListCheck: Codable {
  /// Pairs of snapshots compared.
  private(set) var pairs = 0
  /// Pages in the lists of all pairs.
  private(set) var pagesListed = 0
  /// Pages that differ, of those listed. A page is listed when it may have been written to.
  private(set) var listedPagesThatDiffer = 0
  /// Pages that differ although no list has them: an error.
  private(set) var unlistedPagesThatDiffer = 0

  private static var pagesPerBlock: Int { 64 }

  /// Reads each snapshot once.
  ///
  /// - Parameter snapshots: Of one region, oldest first.
  init(_ snapshots: [MemorySnapshot], pageSize: Int, _ bar: ProgressBar) throws {
    guard let byteCount = snapshots.first?.byteCount else { return }
    var lists = try ChangeListCheck.lists(snapshots)
    pairs = lists.count
    for list in lists {
      pagesListed += list.ranges.reduce(0) { $0 + $1.count / pageSize }
    }
    let blockBytes = ChangeListCheck.pagesPerBlock * pageSize
    let blocks = UnsafeMutableRawBufferPointer.allocate(
      byteCount: snapshots.count * blockBytes, alignment: 16)
    defer { unsafe blocks.deallocate() }
    for start in stride(from: 0, to: byteCount, by: blockBytes) {
      let range = start..<min(start + blockBytes, byteCount)
      for (index, snapshot) in snapshots.enumerated() {
        let block = unsafe UnsafeMutableRawBufferPointer(
          rebasing: blocks[index * blockBytes..<(index + 1) * blockBytes])
        unsafe try snapshot.copyBytes(in: range, into: block)
      }
      for index in lists.indices {
        unsafe compare(UnsafeRawBufferPointer(blocks), blockBytes, range, pageSize, &lists[index])
      }
      bar.update(range.upperBound, of: byteCount)
    }
  }

  /// What has changed from one snapshot to another, read from the front.
  private struct ChangeList {
    let earlier: Int
    let later: Int
    let ranges: [Range<Int>]
    private var next = 0

    init(earlier: Int, later: Int, ranges: [Range<Int>]) {
      self.earlier = earlier
      self.later = later
      self.ranges = ranges
    }

    /// Whether the list has the page at `offset`, which never falls from one call to the next.
    mutating func contains(_ offset: Int) -> Bool {
      while next < ranges.count, ranges[next].upperBound <= offset { next += 1 }
      return next < ranges.count && ranges[next].contains(offset)
    }
  }

  private static func lists(_ snapshots: [MemorySnapshot]) throws -> [ChangeList] {
    try snapshots.indices.flatMap { later in
      try snapshots[..<later].indices.map { earlier in
        try ChangeList(
          earlier: earlier, later: later,
          ranges: snapshots[later].changedRanges(since: snapshots[earlier]))
      }
    }
  }

  private mutating func compare(
    _ blocks: UnsafeRawBufferPointer, _ blockBytes: Int, _ range: Range<Int>, _ pageSize: Int,
    _ list: inout ChangeList
  ) {
    for page in stride(from: 0, to: range.count, by: pageSize) {
      let earlier = list.earlier * blockBytes + page
      let later = list.later * blockBytes + page
      let isSame = unsafe isEqual(
        UnsafeRawBufferPointer(rebasing: blocks[earlier..<earlier + pageSize]),
        UnsafeRawBufferPointer(rebasing: blocks[later..<later + pageSize]))
      let isListed = list.contains(range.lowerBound + page)
      if !isSame, isListed { listedPagesThatDiffer += 1 }
      if !isSame, !isListed { unlistedPagesThatDiffer += 1 }
    }
  }

  var isRight: Bool { unlistedPagesThatDiffer == 0 }
}
