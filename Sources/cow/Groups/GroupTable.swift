internal import MemoryAccounting

/// The table of `cow stat --by`.
struct GroupTable {
  let groups: ProcessGroups
  let units: ByteUnit
  let style: Style
  let width: Int

  private static let columns: [(title: String, figure: @Sendable (TreeTotal) -> MemoryFigure)] = [
    ("RAM", { $0.distinct }), ("TOP", { $0.naive }), ("COW", { $0.copyOnWrite }),
    ("PRIVATE", { $0.memory.private }), ("SWAP", { $0.memory.swapped }),
    ("WORST", { $0.couldStillCopy }),
  ]

  var text: String {
    let columns = Self.columns.filter { column in
      column.title != "SWAP" || groups.groups.contains { column.figure($0.tree.total).bytes != 0 }
    }
    let title = ["PROCS"] + columns.map(\.title) + [groups.key.rawValue.uppercased()]
    let rows = groups.groups.map { group -> [String] in
      let figures = columns.map { text($0.figure(group.tree.total)) }
      return ["\(group.tree.processes.count)"] + figures + [group.name]
    }
    var lines = Columns.table([title] + rows, width: width).enumerated().map {
      $0 == 0 ? style.bold($1) : $1
    }
    lines.append("")
    let denied = groups.groups.flatMap(\.tree.processes).filter { $0.condition == .denied }
    if let note = DeniedNote(denied, units: units) { lines.append(note.text) }
    lines.append("RAM, COW and WORST are of different pages, each counted once in its group.")
    lines.append("What groups share with each other, files mostly, each of them counts.")
    return lines.map { Columns.fitted($0, max(width, 60)) }.joined(separator: "\n") + "\n"
  }

  private func text(_ figure: MemoryFigure) -> String {
    guard let bytes = figure.bytes else { return "denied" }
    return (figure.exactness == .estimate ? "~" : "") + units.text(bytes)
  }
}
