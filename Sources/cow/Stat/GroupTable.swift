internal import MemoryAccounting

/// The table of `cow stat --by`: a row for each group of processes, the largest first.
struct GroupTable {
  private let tree: ProcessTree
  private let key: GroupKey
  private let units: ByteUnit
  private let style: Style

  init(_ tree: ProcessTree, by key: GroupKey, units: ByteUnit, style: Style) {
    self.tree = tree
    self.key = key
    self.units = units
    self.style = style
  }

  func text() -> String {
    var rows = [["RAM", "USS", "PSS", "SWAP", "IF KILLED", "PROCESSES", key.rawValue.uppercased()]]
    let groups = tree.groups.sorted { left, right in
      let first = left.total?.distinct.bytes ?? 0
      let second = right.total?.distinct.bytes ?? 0
      return first == second ? left.name < right.name : first > second
    }
    for group in groups {
      rows.append([
        text(group.total?.distinct), text(group.memory.unique), text(group.proportional?.resident),
        text(group.total?.swap), text(group.total?.freed.certain), "\(group.pids.count)",
        key.title(of: group.name),
      ])
    }
    if !tree.groups.contains(where: { $0.proportional != nil }) {
      for index in rows.indices { rows[index].remove(at: 2) }
    }
    let last = rows[0].count - 1
    let widths = (0..<last).map { column in rows.reduce(0) { max($0, $1[column].count) } }
    var lines = rows.map { row in
      zip(row, widths).map { String(repeating: " ", count: $1 - $0.count) + $0 }
        .joined(separator: "  ") + "  " + row[last]
    }
    lines[0] = style.bold(lines[0])
    return (lines + [""] + TreeSentence(tree, units: units).lines).joined(separator: "\n") + "\n"
  }

  private func text(_ figure: MemoryFigure?) -> String {
    guard let figure else { return "-" }
    guard let bytes = figure.bytes else { return "denied" }
    return (figure.exactness == .estimate ? "~" : "") + units.text(bytes)
  }
}
