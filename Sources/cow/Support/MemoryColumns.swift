internal import MemoryAccounting

/// The columns of tables, chosen so that COW, PRIVATE and SHARED add up to RES (and HUGETLB).
extension MemoryBreakdown {
  /// Pages in memory that a write would copy: without zero pages, which use no memory.
  var copyOnWriteColumn: MemoryFigure {
    guard let all = copyOnWrite.bytes, let zero = zero.bytes else { return .denied }
    return MemoryFigure(
      bytes: all - min(all, zero), exactness: max(copyOnWrite.exactness, self.zero.exactness))
  }

  /// Pages that several processes have, and that none of them would copy.
  var sharedColumn: MemoryFigure { shared + sharedReadOnly }
}

extension Exactness {
  /// What is put in front of an amount.
  var mark: String {
    switch self {
    case .exact, .denied: ""
    case .estimate: "~"
    case .bound: "≤"
    }
  }
}
