/// The memory of several processes taken together.
public struct TreeTotal: Codable, Sendable, Hashable {
  /// What they really use: different page frames and slots of swap space, each counted once.
  public let distinct: MemoryFigure
  /// What `top` suggests: the sum of the resident sizes of all processes.
  public let naive: MemoryFigure
  /// The sum over the address spaces of what each would have to copy on write.
  public let copyOnWrite: MemoryFigure
  /// Copies made since the forks: at each address the number of different frames less one, within
  /// processes that run the same image.
  public let copiesMade: MemoryFigure
  /// The most memory that would be needed on top if every process wrote to all that it may write to.
  public let couldStillCopy: MemoryFigure
  /// The sums over the address spaces of the other figures.
  public let memory: MemoryBreakdown

  /// How well the figure known worst is known.
  public var exactness: Exactness {
    [distinct, naive, copyOnWrite, copiesMade, couldStillCopy].map(\.exactness).max() ?? .exact
  }
}

/// The memory of several processes: of each, and what they really use together.
///
/// With CAP_SYS_ADMIN in the first user namespace the kernel shows page frame numbers, and all
/// figures are exact. Without, the totals are estimates.
public struct ProcessTree: Codable, Sendable {
  /// The processes in the order in which they were asked for, parents before their children.
  public let processes: [ProcessMemory]
  /// All of them together.
  public let total: TreeTotal

  /// Reads a process and all that descend from it. Thread-safe.
  ///
  /// - Throws: `AccountingError` if there is no such process, or no /proc.
  /// - Complexity: as `init(pids:options:)`, and a listing of all processes of the system.
  public init(root pid: Int32, options: AccountingOptions = AccountingOptions())
    throws(AccountingError)
  {
    let entries = try ProcessEntry.all().descendants(of: [pid])
    if entries.isEmpty { throw .noSuchProcess(pid) }
    try self.init(entries: entries, options: options)
  }

  /// Reads the named processes only. Thread-safe.
  ///
  /// - Throws: `AccountingError` if there is no such process, or no /proc.
  /// - Complexity: O(resident pages + mappings) of all processes together; 16 MiB for page table
  ///   entries, and a byte for each page frame in use.
  public init(pids: [Int32], options: AccountingOptions = AccountingOptions())
    throws(AccountingError)
  {
    var entries: [ProcessEntry] = []
    for pid in pids where !entries.contains(where: { $0.pid == pid }) {
      guard let entry = try ProcessEntry(pid: pid) else { throw .noSuchProcess(pid) }
      entries.append(entry)
    }
    try self.init(entries: entries, options: options)
  }

  /// Reads processes that were listed before; those that have ended since are reported as gone.
  /// Thread-safe.
  ///
  /// - Throws: `AccountingError` if there is no /proc, or if there are too many to read together.
  public init(entries: [ProcessEntry], options: AccountingOptions = AccountingOptions())
    throws(AccountingError)
  {
    self = try TreeMeasurement(entries, options: options).measure()
  }

  init(processes: [ProcessMemory], total: TreeTotal) {
    self.processes = processes
    self.total = total
  }
}
