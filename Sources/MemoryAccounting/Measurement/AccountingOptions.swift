/// What to account for.
public struct AccountingOptions: Sendable {
  /// What totals are made of, beside that of all processes together.
  public enum Totals: Sendable, Hashable {
    /// Nothing else.
    case whole
    /// Each process with all that descend from it.
    case subtrees
    /// The processes that have something in common.
    case groups(ProcessGrouping)
  }

  /// Whether each process's mappings are reported one by one, which needs memory for each of them.
  public var includesMappings = false
  /// Only pages at these addresses are counted; `nil` counts all.
  public var addresses: Range<UInt64>?
  /// The most cells that each address space is divided into for a picture of it; 0 for no picture.
  public var pictureCells = 0
  /// What totals are made of. With frame numbers, a look-up for each page that several processes map
  /// and a bit for each page frame in use and group.
  public var totals = Totals.whole
  /// Whether proportional set sizes are reported.
  ///
  /// With frame numbers, that reads /proc/kpagecount once for each frame that several processes map, and
  /// leaves the processes alone; without, it reads smaps_rollup, which stops a process that maps or
  /// faults meanwhile, for some 2.5 ms a GiB.
  public var includesProportional = false
  /// Whether it is found out, where it can be, whose own the pages are that differ between a process and
  /// its parent (`Writers`). That reads /proc/kpageflags for each of them, and needs frame numbers.
  public var findsWriters = false

  /// Makes options that count all memory and report whole processes.
  public init() {}
}
