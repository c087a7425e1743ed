internal import ArgumentParser
internal import MemoryAccounting

/// The columns of `cow top`, in the order in which they are shown.
enum TopColumn: String, CaseIterable, ExpressibleByArgument {
  case pid, tree, resident, uss, pss, cow, copied, growth, swap, command

  func title(knowsWriters: Bool = true) -> String {
    switch self {
    case .pid: "PID"
    case .tree: "TREE"
    case .resident: "RES"
    case .uss: "USS"
    case .pss: "PSS"
    case .cow: "COW"
    case .copied: knowsWriters ? "COPIED" : "DIFFERS"
    case .growth: "/MIN"
    case .swap: "SWAP"
    case .command: "COMMAND"
    }
  }

  /// What the column says, in a line.
  func meaning(knowsWriters: Bool) -> String {
    switch self {
    case .pid: "the process; of a group, how many processes it has"
    case .tree: "memory used by it and all its descendants: each page counted once"
    case .resident: "resident memory, as top and htop show it"
    case .uss: "unique: pages that no other process maps"
    case .pss: "proportional: each page divided by how many processes map it"
    case .cow: "copy-on-write: what would be copied if it wrote to it"
    case .copied:
      knowsWriters
        ? "what it has to itself since the fork and its parent not: as a rule it wrote there"
        : "pages that are not its parent's any more: one of the two wrote since the fork"
    case .growth: "how much the column before grew in the last minute"
    case .swap: "what it has in swap space"
    case .command: "the command line"
    }
  }

  /// How readily a column is left out where there is no room: the largest goes first, 0 never.
  var expendability: Int {
    switch self {
    case .pid, .command, .cow: 0
    case .copied: 1
    case .tree: 2
    case .growth: 3
    case .uss: 4
    case .pss: 5
    case .resident: 6
    case .swap: 7
    }
  }

  /// Whether the larger comes first, unless it is asked otherwise.
  var isAmount: Bool { self != .pid && self != .command }
}
