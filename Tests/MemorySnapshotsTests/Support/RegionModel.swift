import Foundation
import MemorySnapshots
import SnapshotStress
import SystemPackage
import Testing

/// A region, and beside it a plain copy of what it must hold: as it is now, and as it was at each
/// live snapshot. Pages that are not in a copy are zeros.
struct RegionModel {
  typealias Pages = [Int: [UInt8]]

  struct Past {
    let snapshot: MemorySnapshot
    let pages: Pages
    /// Pages written to since, and those that may be reported besides: only prepared, or restored.
    var written: Set<Int> = []
    var touched: Set<Int> = []
    var view: SnapshotView?
  }

  let region: MemoryRegion
  /// The pages that operations choose from; neighbours, and on both sides of the boundaries of
  /// groups and slices.
  let hotPages: [Int]
  private(set) var live: Pages = [:]
  private(set) var past: [Past] = []
  private static let zeros = [UInt8](repeating: 0, count: pageSize)

  init(_ region: MemoryRegion) {
    self.region = region
    let count = region.byteCount / pageSize
    let starts = [0, 504, 16376, count - 16]
    hotPages = starts.flatMap { $0..<$0 + 16 }.filter { (0..<count).contains($0) }
  }

  static func content(_ pages: Pages, _ page: Int) -> [UInt8] { pages[page] ?? zeros }

  // MARK: - Operations

  mutating func write(_ random: inout SeededGenerator) {
    for _ in 0...random.below(6) {
      let page = hotPages[random.below(hotPages.count)]
      let start = random.below(pageSize)
      let count = min(1 + random.below(200), pageSize - start)
      let byte = UInt8(random.below(4) == 0 ? 0 : random.below(256))
      region.fill(page * pageSize + start..<page * pageSize + start + count, with: byte)
      var content = RegionModel.content(live, page)
      for index in start..<start + count { content[index] = byte }
      live[page] = content
      note(written: [page])
    }
  }

  mutating func takeSnapshot() throws {
    past.append(Past(snapshot: try region.makeSnapshot(), pages: live))
  }

  mutating func release(_ index: Int) {
    let gone = past.remove(at: index)
    gone.snapshot.release()
  }

  mutating func restore(_ index: Int) throws {
    try region.restore(to: past[index].snapshot)
    let changed = past[index].touched
    live = past[index].pages
    note(touched: changed)
  }

  mutating func prepare(_ random: inout SeededGenerator) throws {
    let pages = somePages(&random)
    try region.prepareToWrite(pages.lowerBound * pageSize + 1..<pages.upperBound * pageSize)
    note(touched: Set(pages))
  }

  mutating func discard(_ random: inout SeededGenerator) throws {
    let pages = somePages(&random)
    try region.discard(pages.lowerBound * pageSize..<pages.upperBound * pageSize)
    for page in pages { live[page] = nil }
    note(written: Set(pages))
  }

  mutating func toggleView(_ index: Int) throws {
    past[index].view = past[index].view == nil ? try past[index].snapshot.makeView() : nil
  }

  private func somePages(_ random: inout SeededGenerator) -> Range<Int> {
    let first = hotPages[random.below(hotPages.count)]
    return first..<min(first + 1 + random.below(5), region.byteCount / pageSize)
  }

  private mutating func note(written: Set<Int> = [], touched: Set<Int> = []) {
    for index in past.indices {
      past[index].written.formUnion(written)
      past[index].touched.formUnion(written)
      past[index].touched.formUnion(touched)
    }
  }

  // MARK: - Checks

  /// Some of the pages to look at.
  func sample(_ count: Int, _ random: inout SeededGenerator) -> [Int] {
    (0..<count).map { _ in hotPages[random.below(hotPages.count)] }
  }

  /// The pages, of those given, whose live content differs from the model.
  func wrongLivePages(of pages: [Int]) -> [Int] {
    pages.filter {
      !areEqual(
        region.bytes(in: $0 * pageSize..<($0 + 1) * pageSize), RegionModel.content(live, $0))
    }
  }

  /// The pages, of those given, that a snapshot shows wrongly, by `copyBytes` or by its view.
  func wrongPages(_ index: Int, of pages: [Int]) throws -> [Int] {
    let past = past[index]
    return try pages.filter { page in
      let range = page * pageSize..<(page + 1) * pageSize
      let expected = RegionModel.content(past.pages, page)
      if let view = past.view, !areEqual(view.bytes(in: range), expected) { return true }
      return !areEqual(try past.snapshot.bytes(in: range), expected)
    }
  }

  /// Whether a range across pages is read rightly.
  func readsRange(_ index: Int, _ random: inout SeededGenerator) throws -> Bool {
    let start = hotPages[random.below(hotPages.count)] * pageSize + random.below(pageSize)
    let end = min(start + random.below(2) * pageSize + random.below(200), region.byteCount)
    let bytes = try past[index].snapshot.bytes(in: start..<end)
    return (start..<end).allSatisfy { position in
      let content = RegionModel.content(past[index].pages, position / pageSize)
      return bytes[position - start] == content[position % pageSize]
    }
  }

  /// Whether the reported changes since a snapshot hold all that was written (pages that were
  /// preserved on a guess: that differs), and nothing that was not at least prepared for it.
  func reportsChanges(_ index: Int) throws -> Bool {
    let ranges = try region.changedRanges(since: past[index].snapshot)
    let joined = zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound }
    let reported = pages(of: ranges)
    let isGuessing = region.options.preservesAhead || region.options.preservesHotPages
    let wanted = past[index].written.filter {
      !isGuessing
        || RegionModel.content(live, $0) != RegionModel.content(past[index].pages, $0)
    }
    return joined && wanted.isSubset(of: reported)
      && reported.isSubset(of: past[index].touched)
  }

  /// The same between two snapshots: what was written after the earlier and, by the model, makes
  /// them differ must be there; what has not been touched since the earlier must not.
  func reportsChanges(_ later: Int, since earlier: Int) throws -> Bool {
    let reported = try pages(of: past[later].snapshot.changedRanges(since: past[earlier].snapshot))
    let differing = hotPages.filter {
      RegionModel.content(past[later].pages, $0) != RegionModel.content(past[earlier].pages, $0)
    }
    return earlier < later
      ? reported.isSuperset(of: differing) && reported.isSubset(of: past[earlier].touched)
      : reported.isEmpty
  }

  /// Whether `write(to:)` gives the snapshot's content.
  func saves(_ index: Int) throws -> Bool {
    let file = try TemporaryFile()
    try past[index].snapshot.write(to: file.descriptor)
    guard try file.size() == region.byteCount else { return false }
    return try hotPages.allSatisfy { page in
      areEqual(
        try file.read(page * pageSize, pageSize), RegionModel.content(past[index].pages, page))
    }
  }
}
