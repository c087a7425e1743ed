/// What would be free if processes were killed.
public struct FreedMemory: Codable, Sendable, Hashable {
  /// Anonymous memory that only these processes map. Without frame numbers, of several processes, no
  /// more than what each has for itself: what they share among them may be shared by others, too.
  public let certain: MemoryFigure
  /// That, and the shared memory that only they map, which stays if it has a name or somebody else has
  /// it open. The page cache is not counted: it stays, and is free for use at any time.
  public let atMost: MemoryFigure

  static let denied = FreedMemory(certain: .denied, atMost: .denied)
}

/// Totals of some processes: a process and all that descend from it, or a group.
public struct GroupTotal: Codable, Sendable, Hashable {
  /// The memory that they use: different page frames.
  public let distinct: MemoryFigure
  /// The swap space that they use.
  public let swap: MemoryFigure
  /// What would be free if all of them were killed.
  public let freed: FreedMemory
}

/// Processes that have something in common.
public struct ProcessGroup: Codable, Sendable, Hashable {
  /// What they have in common: a program's name, the path of a control group or a user's number.
  public let name: String
  /// The processes.
  public let pids: [Int32]
  /// What they use together; `nil` if none of them could be read, or has memory.
  public let total: GroupTotal?
  /// The sums over their address spaces.
  public let memory: MemoryBreakdown
  /// The sum of the proportional set sizes; `nil` unless they were asked for.
  public let proportional: ProportionalMemory?
}
