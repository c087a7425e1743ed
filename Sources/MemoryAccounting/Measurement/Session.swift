/// What one reading of several address spaces has in common, and the totals that it arrives at.
final class Session {
  let system: SystemMemory
  let options: AccountingOptions
  let frames: FrameTable
  let flags: FrameInformation?
  let mapCounts: FrameInformation?
  /// How often each frame is mapped, where shares are to be added up.
  let shares: MapCounts?
  let writers: WriterSearch?
  /// The groups that totals are wanted of.
  let hierarchy: Hierarchy

  /// Slots in use of each swap area.
  private(set) var swapTables: [Int: FrameTable] = [:]
  /// Without frame numbers.
  var filePages: FilePages
  var swappedFiles = SwappedFiles()
  var hugeBlocks: [HugeBlock] = []

  /// Σ over virtual addresses of (distinct frames − 1), within each family.
  var differing: UInt64 = 0
  /// What is estimated without frame numbers.
  var estimate = PageEstimate()

  init(
    system: SystemMemory, options: AccountingOptions, hierarchy: Hierarchy
  ) throws(AccountingError) {
    self.system = system
    self.options = options
    self.hierarchy = hierarchy
    frames = try FrameTable(limit: system.frameLimit, hierarchy.groups)
    filePages = FilePages(hierarchy.groups)
    flags = system.showsFrames && system.hasMergedPages ? .flags() : nil
    mapCounts = system.showsFrames ? .mapCounts() : nil
    if options.includesProportional, let mapCounts {
      shares = try MapCounts(mapCounts, limit: system.frameLimit)
    } else {
      shares = nil
    }
    writers = options.findsWriters && system.showsFrames ? WriterSearch() : nil
    guard system.showsFrames, !system.swap.isEmpty else { return }
    for area in 0..<PagemapEntry.firstAreaThatIsNoSwap {
      swapTables[area] = try FrameTable(
        limit: system.swap.largest, hierarchy.groups)
    }
  }

  private lazy var sharedMemoryDevices = SharedMemoryDevices.current()

  /// Whether the file that `mapping` maps is memory. Such files have devices of major number 0, as those
  /// of few others have: the devices are looked up when first needed.
  func isSharedMemory(_ mapping: Mapping) -> Bool {
    !mapping.isAnonymous && mapping.device >> 32 == 0 && sharedMemoryDevices.contains(mapping)
  }

  /// The number of different slots of swap space in use.
  var distinctSwapSlots: UInt64 { swapTables.values.reduce(0) { $0 + $1.sets.count() } }
}
