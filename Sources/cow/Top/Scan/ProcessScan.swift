internal import MemoryAccounting

/// Processes and their mappings at one moment, between two counts of their page faults.
struct ProcessScan: Sendable {
  let tree: ProcessTree
  /// The page faults of each process until before its page tables were read, and until after.
  let faultsBefore: [Int32: UInt64]
  let faultsAfter: [Int32: UInt64]

  init(_ entries: [ProcessEntry]) throws(ToolError) {
    var options = AccountingOptions()
    options.includesMappings = true
    faultsBefore = Self.faults(of: entries)
    tree = try accounting { [options] () throws(AccountingError) in
      try ProcessTree(entries: entries, options: options)
    }
    faultsAfter = Self.faults(of: entries)
  }

  init(tree: ProcessTree, faultsBefore: [Int32: UInt64], faultsAfter: [Int32: UInt64]) {
    self.tree = tree
    self.faultsBefore = faultsBefore
    self.faultsAfter = faultsAfter
  }

  private static func faults(of entries: [ProcessEntry]) -> [Int32: UInt64] {
    var counts: [Int32: UInt64] = [:]
    for entry in entries { counts[entry.pid] = entry.faultCount() }
    return counts
  }
}
