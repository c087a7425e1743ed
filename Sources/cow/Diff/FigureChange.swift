/// How figures changed from one sample to another; those of what was not there are nothing.
struct FigureChange {
  let from: SavedFigures?
  let to: SavedFigures?

  /// The amount of a figure, before or after: `nil` where it was denied.
  private func amount(_ name: String, of figures: SavedFigures?) -> UInt64? {
    guard let figures else { return 0 }
    return figures[name]
  }

  func before(_ name: String) -> UInt64? { amount(name, of: from) }

  func after(_ name: String) -> UInt64? { amount(name, of: to) }

  /// The difference of a figure, `nil` where it was denied before or after.
  subscript(name: String) -> Int64? {
    guard let before = before(name), let after = after(name) else { return nil }
    return Int64(clamping: after) - Int64(clamping: before)
  }

  func isEstimate(_ name: String) -> Bool {
    from?.estimates.contains(name) == true || to?.estimates.contains(name) == true
  }

  /// The names of all figures of both.
  var names: [String] {
    Set(from?.bytes.keys.map { $0 } ?? []).union(to?.bytes.keys.map { $0 } ?? []).sorted()
  }

  /// Whether any figure is another one now.
  var isChange: Bool { names.contains { self[$0] != 0 } }
}
