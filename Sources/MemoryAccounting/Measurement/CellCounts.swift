/// Pages counted by cells of the address space: aligned groups of as many pages as it takes for the
/// cells that hold any to be no more than a limit.
final class CellCounts {
  /// A power of two.
  private(set) var pagesPerCell: UInt64 = 1
  /// The counts by number of the cell.
  private(set) var cells: [UInt64: PageCounts] = [:]

  private let limit: Int
  private var latest: (number: UInt64, counts: PageCounts)?

  init(limit: Int) { self.limit = max(limit, 1) }

  func add(_ state: PageState, isProtected: Bool, at address: UInt64) {
    var number = address / Kernel.pageSize / pagesPerCell
    if latest?.number != number {
      store()
      number = address / Kernel.pageSize / pagesPerCell
      latest = (number, cells[number] ?? PageCounts())
    }
    latest?.counts.add(state, isProtected: isProtected)
  }

  /// Puts the cell that is being counted with the others.
  func store() {
    guard let (number, counts) = latest else { return }
    cells[number] = counts
    latest = nil
    while cells.count > limit { mergePairs() }
  }

  private func mergePairs() {
    var merged: [UInt64: PageCounts] = [:]
    merged.reserveCapacity(cells.count)
    for (number, counts) in cells { merged[number / 2, default: PageCounts()].add(counts) }
    cells = merged
    pagesPerCell *= 2
  }
}

extension AddressSpacePicture {
  init(_ counts: CellCounts) {
    counts.store()
    let bytes = counts.pagesPerCell * Kernel.pageSize
    let cells = counts.cells.sorted { $0.key < $1.key }.map { number, counts in
      var pages: [PageState: UInt64] = [:]
      for state in PageState.allCases where counts[state] > 0 { pages[state] = counts[state] }
      return Cell(
        address: number * bytes, pages: pages, protectedPages: counts.userfaultProtected)
    }
    self.init(pagesPerCell: Int(counts.pagesPerCell), cells: cells)
  }
}
