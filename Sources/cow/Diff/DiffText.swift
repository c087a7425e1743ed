internal import MemorySnapshots

/// What changed, in tables.
struct DiffText {
  private let difference: SampleDifference
  private let units: ByteUnit
  private let style: Style
  private let columns: Int
  private let mappingLimit: Int
  /// What processes have of their own since the fork, if the samples say so; else what differs from their
  /// parents'.
  private let copied: String
  private let copiedTitle: String

  init(
    _ difference: SampleDifference, units: ByteUnit, style: Style, columns: Int, mappingLimit: Int
  ) {
    self.difference = difference
    self.units = units
    self.style = style
    self.columns = max(columns, 60)
    self.mappingLimit = mappingLimit
    let knowsWriters = difference.processes.contains {
      $0.change.names.contains(SavedFigures.copied)
    }
    copied = knowsWriters ? SavedFigures.copied : SavedFigures.differing
    copiedTitle = knowsWriters ? "COPIED" : "DIFFERS"
  }

  var lines: [String] {
    var lines = [style.bold(heading)] + summary
    lines += processTable
    let mappings = mappingTable
    if !mappings.isEmpty { lines += [""] + mappings }
    return lines
  }

  private var heading: String {
    let times = "from \(difference.from.time) to \(difference.to.time)"
    guard let seconds = difference.seconds else {
      return times + ", after another start of the machine: no rates"
    }
    return "\(duration(seconds)), \(times)"
  }

  private var summary: [String] {
    let total = difference.total
    var lines: [String] = []
    if let change = total[SavedFigures.used], let after = total.after(SavedFigures.used) {
      lines.append(
        "really used \(mark(total, SavedFigures.used))\(units.text(after)), "
          + (change == 0
            ? "as before" : units.text(difference: change) + perMinute(change, " (", ")")))
    }
    if let left = total.after(SavedFigures.leftToCopy) {
      lines.append("left to copy at most \(units.text(left))" + timeLeft(left))
    }
    if difference.matching == .name {
      lines.append("no process is in both: those of a name are compared, as sums over them")
    }
    return lines + [""]
  }

  /// How long it takes at the rate at which was copied until now.
  private func timeLeft(_ left: UInt64) -> String {
    guard let seconds = difference.seconds, seconds > 0,
      let copied = difference.total[SavedFigures.differing], copied > 0
    else { return "" }
    return ", at this rate in \(duration(Double(left) / Double(copied) * seconds))"
  }

  private var processTable: [String] {
    let shown = [
      SavedFigures.resident, SavedFigures.private, copied, SavedFigures.copyOnWrite,
    ]
    let changed = difference.processes.filter { process in
      process.fate != .stayed
        || shown.contains { process.change.names.contains($0) && process.change[$0] != 0 }
    }
    let rows = changed.map { process -> [String] in
      [
        process.pid.map(String.init) ?? "",
        cell(process.change, SavedFigures.resident), cell(process.change, SavedFigures.private),
        cell(process.change, copied),
        rate(process.change, copied),
        process.fate == .ended ? "-" : amount(process.change, SavedFigures.copyOnWrite),
        process.name.printable + (process.fate == .stayed ? "" : " (\(process.fate.rawValue))"),
      ]
    }
    let title = ["PID", "RES", "PRIVATE", copiedTitle, "/MIN", "LEFT TO COPY", "PROCESS"]
    var lines = titled(Columns.table([title] + rows, width: columns))
    if rows.isEmpty { lines = [] }
    let same = difference.processes.count - changed.count
    if same > 0 { lines.append("\(same) \(same == 1 ? "process" : "processes") did not change") }
    return lines
  }

  private var mappingTable: [String] {
    var all: [(pid: Int32, mapping: MappingDifference)] = []
    for process in difference.processes {
      for mapping in process.mappings where amountCopied(mapping) != 0 || mappingLimit == .max {
        all.append((process.pid ?? 0, mapping))
      }
    }
    if all.isEmpty { return [] }
    all.sort {
      (amountCopied($1.mapping), $0.mapping.start) < (amountCopied($0.mapping), $1.mapping.start)
    }
    let rows = all.prefix(mappingLimit).map { pid, mapping -> [String] in
      [
        String(pid),
        cell(mapping.change, SavedFigures.private), cell(mapping.change, copied),
        rate(mapping.change, copied),
        mapping.fate == .ended ? "-" : amount(mapping.change, SavedFigures.copyOnWrite),
        MappingName(mapping.name, start: mapping.start).text
          + (mapping.fate == .stayed ? "" : " (\(mapping.fate.rawValue))"),
      ]
    }
    let title = ["PID", "PRIVATE", copiedTitle, "/MIN", "LEFT TO COPY", "MAPPING"]
    var lines = titled(Columns.table([title] + rows, width: columns))
    if all.count > rows.count { lines.append("and \(all.count - rows.count) more (--maps)") }
    return lines
  }

  private func titled(_ table: [String]) -> [String] {
    table.enumerated().map { $0 == 0 ? style.bold($1) : $1 }
  }

  private func amountCopied(_ mapping: MappingDifference) -> Int64 {
    mapping.change[copied] ?? 0
  }

  private func cell(_ change: FigureChange, _ name: String) -> String {
    if !change.names.contains(name) { return "-" }
    return change[name].map { ($0 == 0 ? "" : mark(change, name)) + units.text(difference: $0) }
      ?? "denied"
  }

  private func amount(_ change: FigureChange, _ name: String) -> String {
    change.after(name).map { mark(change, name) + units.text($0) } ?? "denied"
  }

  private func rate(_ change: FigureChange, _ name: String) -> String {
    guard change.names.contains(name), let difference = change[name] else { return "-" }
    return perMinute(difference)
  }

  private func mark(_ change: FigureChange, _ name: String) -> String {
    change.isEstimate(name) ? "~" : ""
  }

  private func perMinute(_ change: Int64, _ before: String = "", _ after: String = "") -> String {
    guard let seconds = difference.seconds, seconds > 0 else { return before.isEmpty ? "-" : "" }
    let rate = Int64((Double(change) / seconds * 60).rounded())
    return before + units.text(difference: rate) + (before.isEmpty ? "" : "/min") + after
  }

  private func duration(_ seconds: Double) -> String {
    if seconds < 119.5 { return "\(threeDigits(seconds)) s" }
    let minutes = seconds / 60
    if minutes < 119.5 { return "\(threeDigits(minutes)) min" }
    let hours = minutes / 60
    return hours < 47.5 ? "\(threeDigits(hours)) h" : "\(threeDigits(hours / 24)) days"
  }
}

extension SavedFigures {
  // The names of the figures that `cow diff` shows, as `cow stat --json` has them.
  static let resident = "residentBytes"
  static let `private` = "privateBytes"
  static let copied = "copiedBytes"
  static let differing = "differingBytes"
  static let copyOnWrite = "copyOnWriteBytes"
  static let used = "distinctBytes"
  static let leftToCopy = "couldStillCopyBytes"
}
