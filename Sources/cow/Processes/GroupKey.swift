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

  /// What a group is called on the screen: users by their names.
  func title(of group: String) -> String {
    guard self == .user, let number = UInt32(group) else { return group.printable }
    return Users.name(of: number).printable
  }
}
