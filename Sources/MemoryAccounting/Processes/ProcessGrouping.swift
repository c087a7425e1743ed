/// What processes can have in common.
public enum ProcessGrouping: String, Codable, Sendable, Hashable, CaseIterable {
  /// The program's name.
  case program
  /// The control group: a container, a service, a session.
  case controlGroup
  /// The real user.
  case user

  /// What `entry` is grouped by: a name, a path or a number.
  public func name(of entry: ProcessEntry) -> String {
    switch self {
    case .program: entry.name
    case .controlGroup: entry.controlGroup() ?? "unknown"
    case .user: String(entry.user)
    }
  }
}
