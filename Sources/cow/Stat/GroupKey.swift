internal import ArgumentParser
internal import MemoryAccounting

/// What `cow stat --by` groups processes by.
enum GroupKey: String, CaseIterable, ExpressibleByArgument {
  case program, cgroup, user

  var grouping: ProcessGrouping {
    switch self {
    case .program: .program
    case .cgroup: .controlGroup
    case .user: .user
    }
  }
}
