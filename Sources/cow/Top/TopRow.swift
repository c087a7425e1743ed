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
      .resident: .figure(process.resident ?? memory?.memory.resident),
      .cow: .figure(memory?.memory.copyOnWrite), .private: .figure(memory?.memory.private),
      .copied: .figure(memory?.diverged), .growth: .rate(process.growth),
    ]
  }

  init(_ group: TopModel.Group) {
    identity = .group(group.name)
    pid = String(group.tree.processes.count)
    command = group.name
    hasEnded = false
    let total = group.tree.total
    amounts = [
      .resident: .figure(total.naive), .cow: .figure(total.copyOnWrite),
      .private: .figure(total.memory.private), .copied: .figure(total.copiesMade),
      .growth: .rate(group.growth),
    ]
  }

  /// What the row is sorted by; an amount that is not known is less than any.
  func value(_ column: TopColumn) -> Double {
    switch amounts[column] {
    case .figure(let figure)?: figure?.bytes.map(Double.init) ?? -.infinity
    case .rate(let rate)?: rate ?? -.infinity
    case nil: 0
    }
  }
}
