internal import MemoryAccounting

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// What `cow top` knows: all processes by their cheap totals, and for each family the figures of its
/// last scan.
struct TopModel {
  struct Row {
    let entry: ProcessEntry
    let resident: MemoryFigure
    /// `nil` until the process has been scanned.
    var scanned: ProcessMemory?
    /// What parted from the parent between the last two scans, `nil` until there were two.
    var copied: UInt64?
  }

  private(set) var rows: [Row] = []
  /// The scan of the only family there is.
  private(set) var tree: ProcessTree?
  /// The share of one core that scans have used since the start.
  private(set) var usedShare = 0.0

  private let selection: ProcessSelection
  private var budget: ScanBudget
  private var scans: [Int32: Scan] = [:]
  private var scanSeconds = 0.0
  private let start: Double
  private var latest: Double

  private struct Scan {
    var time: Double
    var processes: [Int32: ProcessMemory]
    var copied: [Int32: UInt64]
  }

  init(_ selection: ProcessSelection, duty: Double, interval: Double) {
    self.selection = selection
    budget = ScanBudget(duty: duty, interval: interval)
    start = seconds(of: CLOCK_MONOTONIC)
    latest = start
  }

  /// Lists the processes and scans as many families as the budget allows, those first whose last scan
  /// is the oldest.
  mutating func refresh() throws(ToolError) {
    let now = seconds(of: CLOCK_MONOTONIC)
    budget.earn(seconds: now - latest)
    latest = now
    let entries = try listed()
    let families = Self.families(entries)
    scans = scans.filter { families[$0.key] != nil }
    let due = families.sorted { left, right in
      let first = scans[left.key]?.time ?? -1
      let second = scans[right.key]?.time ?? -1
      return (first, left.key) < (second, right.key)
    }
    for (root, members) in due where budget.allowsScan { try scan(root, members) }
    rows = entries.map(row)
    usedShare = scanSeconds / max(seconds(of: CLOCK_MONOTONIC) - start, 0.001)
    if families.count != 1 { tree = nil }
  }

  private func listed() throws(ToolError) -> [ProcessEntry] {
    // What was there at first may end while it is watched.
    guard selection.isEmpty else { return try selection.entries(ignoresEnded: !rows.isEmpty) }
    return try accounting { () throws(AccountingError) in try ProcessEntry.all() }
      .filter { !$0.isKernelThread }
  }

  /// Processes that are likely to run the same image, a parent and the children of its name, under
  /// the pid of the first: they must be read together to be compared.
  private static func families(_ entries: [ProcessEntry]) -> [Int32: [ProcessEntry]] {
    let byPid = Dictionary(entries.map { ($0.pid, $0) }, uniquingKeysWith: { first, _ in first })
    var families: [Int32: [ProcessEntry]] = [:]
    for entry in entries where !entry.isKernelThread {
      var root = entry
      var visited: Set<Int32> = [entry.pid]
      while let parent = byPid[root.parent], parent.name == root.name,
        visited.insert(parent.pid).inserted
      {
        root = parent
      }
      families[root.pid, default: []].append(entry)
    }
    return families
  }

  private mutating func scan(_ root: Int32, _ members: [ProcessEntry]) throws(ToolError) {
    let before = seconds(of: CLOCK_THREAD_CPUTIME_ID)
    let tree = try accounting { () throws(AccountingError) in try ProcessTree(entries: members) }
    let used = seconds(of: CLOCK_THREAD_CPUTIME_ID) - before
    budget.spend(seconds: used)
    scanSeconds += used
    self.tree = tree
    let previous = scans[root]?.processes ?? [:]
    var scan = Scan(time: seconds(of: CLOCK_MONOTONIC), processes: [:], copied: [:])
    for process in tree.processes {
      scan.processes[process.id] = process
      if let now = process.differing?.bytes, let then = previous[process.id]?.differing?.bytes {
        scan.copied[process.id] = now - min(now, then)
      }
    }
    scans[root] = scan
  }

  private func row(_ entry: ProcessEntry) -> Row {
    let scan = scans.values.first { $0.processes[entry.pid] != nil }
    return Row(
      entry: entry, resident: entry.residentSize(), scanned: scan?.processes[entry.pid],
      copied: scan?.copied[entry.pid])
  }
}

/// The time of a clock; the corresponding system call is `clock_gettime`.
private func seconds(of clock: clockid_t) -> Double {
  var time = timespec()
  unsafe _ = clock_gettime(clock, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
