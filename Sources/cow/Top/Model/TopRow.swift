internal import MemoryAccounting

/// A line of the table of `cow top`.
struct TopRow {
  /// What tells it from others, from refresh to refresh.
  enum Identity: Hashable {
    case process(Int32)
    case group(String)
  }

  enum Amount {
    case figure(MemoryFigure?)
    /// Bytes a minute.
    case rate(Double?)
  }

  let identity: Identity
  /// The line from its parent, in front of the command.
  var branches = ""
  /// Whether children are below it, shown or not.
  var hasChildren = false
  var isCollapsed = false
  let pid: String
  let command: String
  let hasEnded: Bool
  let amounts: [TopColumn: Amount]

  init(_ process: TopModel.Process) {
    identity = .process(process.entry.pid)
    pid = String(process.entry.pid)
    command = process.command
    hasEnded = process.hasEnded
    let memory = process.memory
    amounts = [
      .tree: .figure(memory?.subtree?.distinct),
      .resident: .figure(process.resident ?? memory?.memory.resident),
      .uss: .figure(memory?.memory.unique), .pss: .figure(memory?.proportional?.resident),
      .cow: .figure(memory?.memory.copyOnWriteColumn), .copied: .figure(process.copied),
      .growth: .rate(process.growth), .swap: .figure(memory?.memory.swapped),
    ]
  }

  init(_ group: TopModel.Group) {
    identity = .group(group.name)
    pid = String(group.group.pids.count)
    command = group.name
    hasEnded = false
    // Of a group of which nothing could be read, or that has no memory, there is nothing to say.
    guard let total = group.group.total else {
      amounts = [:]
      return
    }
    let sums = group.group.memory
    amounts = [
      .tree: .figure(total.distinct), .resident: .figure(sums.resident),
      .uss: .figure(sums.unique), .pss: .figure(group.group.proportional?.resident),
      .cow: .figure(sums.copyOnWriteColumn), .copied: .figure(nil), .growth: .rate(nil),
      .swap: .figure(total.swap),
    ]
  }

  /// Whether there is anything to show in a column; nothing in swap space is not.
  func hasSomething(in column: TopColumn) -> Bool {
    switch amounts[column] {
    case .figure(let figure)?: figure.map { column != .swap || $0.bytes != 0 } ?? false
    case .rate(let rate)?: rate != nil
    case nil: false
    }
  }

  /// What the row is sorted by; an amount that is not known is less than any.
  func value(_ column: TopColumn) -> Double {
    switch amounts[column] {
    case .figure(let figure)?: figure?.bytes.map { Double($0) } ?? -.infinity
    case .rate(let rate)?: rate ?? -.infinity
    case nil: 0
    }
  }
}
