/// The memory of several processes taken together.
///
/// All amounts but for `naive`, `differing`, `couldStillCopy` and those of `memory` are of different
/// pages, each counted once however many processes map it. Processes that may not be read are left out
/// of all but `naive`.
public struct TreeTotal: Codable, Sendable, Hashable {
  /// The memory that they really use: different page frames. What is in swap space is not among it.
  public let distinct: MemoryFigure
  /// Of `distinct` the anonymous pages that only one process has.
  public let `private`: MemoryFigure
  /// Of `distinct` the anonymous pages that several processes have: shared since a fork, or merged.
  public let sharedAnonymous: MemoryFigure
  /// Of `distinct` the pages of files and of shared memory. With the two above, all of it.
  public let files: MemoryFigure
  /// Of `distinct` the pages that any of the processes would make a copy of when writing to it.
  public let copyOnWrite: MemoryFigure
  /// The swap space that they use: different slots, and the pages of the shared memory that they map.
  public let swap: MemoryFigure
  /// What `top` suggests: the sum of the resident sizes of all processes.
  public let naive: MemoryFigure
  /// At each address the number of different pages less one, within processes that run the same image:
  /// what copies have cost since the forks, where nobody has mapped new memory at old addresses.
  public let differing: MemoryFigure
  /// The most memory that would be needed on top if every process wrote to all that there is and that
  /// it may write to: copies, and pages that come back from swap space. A bound where it cannot be
  /// known who else shares the pages.
  public let couldStillCopy: MemoryFigure
  /// The sums over the address spaces: a page that several have counts as often.
  public let memory: MemoryBreakdown

  /// How well the figure known worst is known.
  public var exactness: Exactness {
    [
      distinct, `private`, sharedAnonymous, files, copyOnWrite, swap, naive, differing,
      couldStillCopy,
    ].map(\.exactness).max() ?? .exact
  }

  /// The totals of processes of which none may be read.
  static func denied(naive: MemoryFigure) -> TreeTotal {
    TreeTotal(
      distinct: .denied, private: .denied, sharedAnonymous: .denied, files: .denied,
      copyOnWrite: .denied, swap: .denied, naive: naive, differing: .denied,
      couldStillCopy: .denied, memory: .denied)
  }
}

/// The memory of several processes: of each, and what they really use together.
///
/// With CAP_SYS_ADMIN in the first user namespace the kernel shows page frame numbers, and all
/// figures are exact. Without, the totals are estimates, or bounds.
public struct ProcessTree: Codable, Sendable {
  /// The processes in the order in which they were asked for, parents before their children.
  public let processes: [ProcessMemory]
  /// All of them together.
  public let total: TreeTotal
  /// The processes by what they have in common, in the order of the first of each; empty unless groups
  /// were asked for.
  public let groups: [ProcessGroup]

  init(processes: [ProcessMemory], total: TreeTotal, groups: [ProcessGroup]) {
    self.processes = processes
    self.total = total
    self.groups = groups
  }
}
