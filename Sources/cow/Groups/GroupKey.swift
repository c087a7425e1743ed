internal import ArgumentParser
internal import MemoryAccounting

/// What processes are put together by.
enum GroupKey: String, CaseIterable, ExpressibleByArgument {
  case program, cgroup, user

  /// The group that a process belongs to, in words.
  func name(for entry: ProcessEntry) -> String {
    switch self {
    case .program: entry.programName().printable
    case .cgroup: entry.controlGroup()?.printable ?? "unknown"
    case .user: Users.name(of: entry.user).printable
    }
  }
}
