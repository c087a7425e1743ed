internal import MemoryAccounting

/// What all processes of `cow top` use together, in three lines; and one more for what else there is to
/// say.
struct TopHeader {
  let model: TopModel
  let groupKey: GroupKey?
  let units: ByteUnit
  let style: Style
  let width: Int
  let note: String?

  var lines: [String] {
    guard let total = model.total else {
      let state = model.hasEnded ? "" : ": reading the page tables …"
      return [style.bold(Columns.fitted(title + state, width)), "", ""]
    }
    let first = [
      style.bold(title), "RAM \(text(total.distinct)) (top: \(text(total.naive)))",
      total.distinct.exactness.rawValue, "scan \(percent(model.scanShare))",
    ]
    let second = [
      "private \(text(total.private))", "shared by fork \(text(total.sharedAnonymous))",
      "files+shm \(text(total.files))", "swap \(text(total.swap))",
    ]
    var third: [String] = []
    if let freed = model.freed { third.append("freed if killed \(text(freed.certain))") }
    third.append("worst case +\(text(total.couldStillCopy))")
    if let growth = model.growth {
      third.append("growth \(units.text(difference: Int64(growth.rounded())))/min")
    }
    var notes = note.map { [$0] } ?? []
    let denied = model.denied
    if !denied.isEmpty {
      let one =
        denied.count == 1 ? denied.first.map { "\($0.id) (\($0.process.name.printable))" } : nil
      notes.append("\(one ?? "\(denied.count) processes") may not be read: left out")
    }
    var lines = [
      joined(first, "   "), joined(second.map { " " + $0 }, " |"),
      joined(third.map { " " + $0 }, "  "),
    ]
    if !notes.isEmpty { lines.append(joined(notes.map { " " + $0 }, "  ")) }
    return lines
  }

  private var title: String {
    let present = model.processes.filter { !$0.hasEnded }
    let count = present.count
    guard let root = model.processes.first else { return "no processes" }
    let name = root.program
    if model.hasEnded {
      let all = model.processes.count
      return all == 1 ? "\(name): ended" : "\(name): all \(all) processes have ended"
    }
    let all = Set(present.map(\.entry.pid))
    let roots = present.filter { !all.contains($0.entry.parent) }
    let noun = count == 1 ? "process" : "processes"
    return roots.count == 1 ? "\(name): \(count) \(noun)" : "\(count) \(noun)"
  }

  /// The parts, as many as fit.
  private func joined(_ parts: [String], _ separator: String) -> String {
    var line = ""
    var used = 0
    for part in parts {
      let plain = part.replacing(#/\u{1B}\[[0-9;]*m/#, with: "").count
      let gap = used == 0 ? 0 : separator.count
      if used > 0, used + gap + plain > width { break }
      line +=
        (used == 0 ? "" : separator)
        + (used == 0 && plain > width ? Columns.fitted(part, width) : part)
      used += gap + plain
    }
    return line
  }

  private func text(_ figure: MemoryFigure) -> String {
    figure.bytes.map { figure.exactness.mark + units.text($0) } ?? "denied"
  }

  private func percent(_ share: Double) -> String { "\((share * 1000).rounded() / 10)%" }
}
