internal import ArgumentParser
internal import MemoryAccounting

/// The columns of `cow top`, in the order in which they are shown.
enum TopColumn: String, CaseIterable, ExpressibleByArgument {
  case pid, resident, cow, `private`, copied, growth, command

  var title: String {
    switch self {
    case .pid: "PID"
    case .resident: "RES"
    case .cow: "COW"
    case .private: "PRIVATE"
    case .copied: "DIFFERS"
    case .growth: "/MIN"
    case .command: "COMMAND"
    }
  }

  /// What the column says, in a line.
  var meaning: String {
    switch self {
    case .pid: "the process; of a group, how many processes it has"
    case .resident: "resident memory, as top and htop show it"
    case .cow: "of it, and of zero pages, what a write would copy"
    case .private: "anonymous memory that no other process has"
    case .copied: "pages that are not the parent's any more: one of the two wrote since the fork"
    case .growth: "how much DIFFERS grew in the last minute"
    case .command: "the command line"
    }
  }

  /// How readily a column is left out where there is no room: the largest goes first, 0 never.
  var expendability: Int {
    switch self {
    case .pid, .command, .cow: 0
    case .copied: 1
    case .resident: 2
    case .growth: 3
    case .private: 4
    }
  }

  /// Whether the larger comes first, unless it is asked otherwise.
  var isAmount: Bool { self != .pid && self != .command }
}
