extension ProcessMemory {
  /// Reads one process. Thread-safe.
  ///
  /// - Throws: `AccountingError` if there is no such process, or no /proc.
  /// - Complexity: O(resident pages + mappings); 2 to 3 ms for 1 GiB.
  public init(pid: Int32, options: AccountingOptions = AccountingOptions())
    throws(AccountingError)
  {
    let tree = try ProcessTree(pids: [pid], options: options)
    guard let process = tree.processes.first else { throw .noSuchProcess(pid) }
    self = process
  }
}

extension ProcessTree {
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
}

extension AccountingError {
  static func noSuchProcess(_ pid: Int32) -> AccountingError {
    AccountingError(
      .noSuchProcess, "no process \(pid) (or /proc is mounted with hidepid and hides it)")
  }
}
