/// What one reading of several address spaces has in common, and the totals that it arrives at.
final class Session {
  let system: SystemMemory
  let options: AccountingOptions
  let frames: ReferenceTable
  let flags: FrameInformation?
  let mapCounts: FrameInformation?

  /// Slots in use of each swap area.
  private(set) var swapTables: [Int: ReferenceTable] = [:]
  var filePages = FilePages()
  var hugeBlocks: [HugeBlock] = []

  /// References to slots of swap space from writable private mappings.
  var swapReferences: UInt64 = 0
  /// Σ over virtual addresses of (distinct frames − 1), within each family.
  var copiesMade: UInt64 = 0
  /// Without frame numbers: distinct anonymous and swapped pages, and the references to shared
  /// ones beyond the first.
  var estimatedDistinct: UInt64 = 0
  var estimatedCouldCopy: UInt64 = 0

  init(system: SystemMemory, options: AccountingOptions) throws(AccountingError) {
    self.system = system
    self.options = options
    frames = try ReferenceTable(limit: system.frameLimit)
    flags = system.showsFrames && system.hasMergedPages ? .flags() : nil
    mapCounts = system.showsFrames ? .mapCounts() : nil
    guard system.showsFrames, !system.swap.isEmpty else { return }
    for area in 0..<PagemapEntry.firstAreaThatIsNoSwap {
      swapTables[area] = try ReferenceTable(limit: system.swap.largest)
    }
  }

  /// The number of different slots of swap space in use.
  var distinctSwapSlots: UInt64 { swapTables.values.reduce(0) { $0 + $1.distinct } }
}
