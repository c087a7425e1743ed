internal import MemoryAccounting

/// The screen of `cow top` as text, fitted to a terminal.
struct TopFrame {
  let model: TopModel
  let state: TopState
  let rows: [TopRow]
  let units: ByteUnit
  let style: Style
  let width: Int
  /// How many lines there are; where there is no terminal, as many as it takes.
  let height: Int
  /// What else there is to say.
  var note: String?
  /// Whether anybody can press keys.
  var isInteractive = true

  /// How many rows of the table fit.
  var tableHeight: Int { max(height - header.count - 1 - places.count - footer.count, 1) }

  var lines: [String] {
    let shown = rows.dropFirst(isInteractive ? state.firstRow : 0).prefix(tableHeight)
    let table = TopTable(
      rows: Array(shown), state: state, knowsWriters: model.knowsWriters, units: units,
      width: width)
    var body = table.lines
    body[0] = style.reversed(Columns.left(body[0], isInteractive ? width : 0))
    if isInteractive, !rows.isEmpty {
      let index = state.cursorIndex(rows) - state.firstRow + 1
      if index < body.count { body[index] = style.selected(Columns.left(body[index], width)) }
    }
    for (index, row) in shown.enumerated() where row.hasEnded {
      body[index + 1] = style.dim(body[index + 1])
    }
    var lines = header + body
    if isInteractive {
      let room = height - lines.count - places.count - footer.count
      lines += Array(repeating: "", count: max(room, 0))
    }
    return Array((lines + places + footer).prefix(height))
  }

  private var header: [String] {
    TopHeader(
      model: model, groupKey: state.groupKey, units: units, style: style, width: width,
      note: note
    ).lines
  }

  /// The mappings in which most is being copied; not in the way of the table on a low screen.
  private var places: [String] {
    guard state.groupKey == nil, height >= 16, !model.places.isEmpty else { return [] }
    return TopPlaces(
      places: Array(model.places.prefix(height >= 30 ? 5 : 3)), tree: model.tree, units: units,
      style: style, width: width
    ).lines
  }

  private var footer: [String] {
    guard isInteractive else { return [] }
    if state.isEditingFilter {
      return [Columns.fitted("filter: \(state.filter)▏  Enter keeps it, Esc clears it", width)]
    }
    let view = state.layout == .tree ? "t flat" : "t tree"
    let filter = state.filter.isEmpty ? "/ filter" : "/ filter: \(state.filter)"
    let keys = [
      view, "g group", "s sort", filter, "m map", "d diff", "r record", "? help", "q quit",
    ]
    var line = " " + keys.joined(separator: "  ")
    if line.count > width { line = " \(filter)  ? help  q quit" }
    return [style.dim(Columns.fitted(line, width))]
  }
}

extension Style {
  func reversed(_ text: String) -> String { isEnabled ? "\u{1B}[7m\(text)\u{1B}[0m" : text }

  /// What the cursor is on: reversed and bold, as the titles are reversed too; without colours, a sign
  /// in front of it, where there is room for the widest pid.
  func selected(_ text: String) -> String {
    isEnabled ? "\u{1B}[1;7m\(text)\u{1B}[0m" : text.first == " " ? ">" + text.dropFirst() : text
  }
}
