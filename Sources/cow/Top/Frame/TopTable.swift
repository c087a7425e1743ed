internal import MemoryAccounting

/// The rows of `cow top` under their titles.
struct TopTable {
  let rows: [TopRow]
  let state: TopState
  let knowsWriters: Bool
  let units: ByteUnit
  let width: Int

  /// Room that the command keeps while columns can still be left out.
  private static let commandWidth = 20

  var lines: [String] {
    // Columns that would be empty make room.
    var columns = TopColumn.allCases.filter { column in
      column == .pid || column == state.sort && column != .command
        || rows.contains { $0.hasSomething(in: column) }
    }
    let titles = { (column: TopColumn) -> String in
      let title = titleText(column)
      guard column == state.sort else { return title }
      return title + (column.isAmount == state.isReversed ? "▲" : "▼")
    }
    let cells = { (column: TopColumn) in [titles(column)] + rows.map { text($0, column) } }
    var texts: [TopColumn: [String]] = [:]
    for column in columns { texts[column] = cells(column) }
    // At least the usual width, so that the columns stay where they are from refresh to refresh.
    let widths = texts.mapValues { $0.reduce(6) { max($0, $1.count) } }
    let used = { columns.reduce(0) { $0 + (widths[$1] ?? 0) + 2 } }
    while used() + Self.commandWidth > width,
      let last = columns.filter({ $0.expendability > 0 && $0 != state.sort })
        .max(by: { $0.expendability < $1.expendability })
    {
      columns.removeAll { $0 == last }
    }
    return (0...rows.count).map { index in
      let numbers = columns.map { Columns.right(texts[$0]?[index] ?? "", widths[$0] ?? 0) + "  " }
      let last = index == 0 ? commandTitle(titles) : command(rows[index - 1])
      return Columns.fitted(numbers.joined() + last, width)
    }
  }

  private func commandTitle(_ titles: (TopColumn) -> String) -> String {
    guard let key = state.groupKey else { return titles(.command) }
    return key.rawValue.uppercased()
  }

  private func titleText(_ column: TopColumn) -> String {
    let isGrouped = state.groupKey != nil
    if isGrouped, column == .pid { return "PROCS" }
    if isGrouped, column == .tree { return "RAM" }
    return column.title(knowsWriters: knowsWriters)
  }

  private func command(_ row: TopRow) -> String {
    let sign = row.isCollapsed ? "+ " : ""
    return row.branches + sign + row.command + (row.hasEnded ? " (ended)" : "")
  }

  private func text(_ row: TopRow, _ column: TopColumn) -> String {
    if column == .pid { return row.pid }
    switch row.amounts[column] {
    case .figure(let figure)?:
      guard let figure else { return "-" }
      return figure.bytes.map {
        (column == .resident ? "" : figure.exactness.mark) + units.short($0)
      } ?? "denied"
    case .rate(let rate)?:
      guard let rate else { return "-" }
      return units.short(difference: Int64(rate.rounded()))
    case nil: return "-"
    }
  }
}
