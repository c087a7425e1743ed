internal import MemoryAccounting

/// One refresh of `cow top` as text, fitted to a terminal.
struct TopFrame {
  let model: TopModel
  let order: TopOrder
  let units: ByteUnit
  let style: Style
  /// The duty cycle, of 1.
  let duty: Double

  private static let columns: [(title: String, width: Int)] = [
    ("PID", 8), ("RES", 10), ("COW", 10), ("PRIVATE", 10), ("DIFFERS", 10), ("COPIED", 10),
  ]

  /// The lines, at most `rows` of at most `columns` characters.
  func lines(columns: Int, rows: Int) -> [String] {
    var lines = [fitted(status, columns)]
    if let tree = model.tree {
      lines.append(fitted(TreeSentence(tree, units: units).lines.last ?? "", columns))
    }
    lines.append(
      style.bold(
        fitted(Self.columns.map { padded($0.title, $0.width) }.joined() + "  NAME", columns)))
    for row in model.rows.sorted(by: order.precedes).prefix(max(rows - lines.count, 0)) {
      lines.append(fitted(text(row), columns))
    }
    return Array(lines.prefix(rows))
  }

  private var status: String {
    let scanned = model.rows.count { $0.scanned != nil }
    let percent = { (share: Double) in "\((share * 1000).rounded() / 10) %" }
    return "cow top by \(order.rawValue): \(model.rows.count) processes, \(scanned) scanned; "
      + "scans take \(percent(model.usedShare)) of \(percent(duty)); keys: r c p d, q quits"
  }

  private func text(_ row: TopModel.Row) -> String {
    let memory = row.scanned?.memory
    let cells = [
      String(row.entry.pid),
      text(row.resident), text(memory?.copyOnWrite), text(memory?.private),
      text(row.scanned?.differing), row.copied.map(units.text) ?? "-",
    ]
    return zip(cells, Self.columns).map { padded($0, $1.width) }.joined() + "  "
      + row.entry.name.printable
  }

  private func text(_ figure: MemoryFigure?) -> String {
    guard let figure else { return "-" }
    guard let bytes = figure.bytes else { return "denied" }
    return (figure.exactness == .estimate ? "~" : "") + units.text(bytes)
  }

  private func padded(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(width - text.count, 0)) + text
  }

  private func fitted(_ text: String, _ width: Int) -> String {
    text.count <= width ? text : String(text.prefix(max(width - 1, 0))) + "…"
  }
}
