internal import SystemPackage

/// One address space while it is read: its mappings, the way to its page tables, and what has been
/// counted so far. Processes that were cloned with CLONE_VM have one together.
final class AddressSpace {
  /// Why an address space could not be read.
  enum Obstacle: Error {
    case denied
    case gone
    case tooManyOpenFiles
  }

  let process: ProcessEntry
  /// What tells images apart: the auxiliary vector, which fork copies and exec makes anew (with the
  /// addresses of this program's stack, vDSO and loader), and the program's file.
  let image: [UInt8]
  /// The space that this one was forked from, if it is being read too and neither has exec'd since.
  var origin: AddressSpace?

  private(set) var mappings: [Mapping] = []
  private(set) var mapText: [UInt8] = []
  private var pagemap: FileDescriptor?
  private var statistics: [UInt64: MappingStatistics]?
  /// Whether only a part of the addresses is looked at.
  private var isLimited = false

  var counts = PageCounts()
  /// The counts of each mapping; empty unless they were asked for.
  var countsByMapping: [PageCounts] = []
  /// The counts by cells of the address space, where a picture is to be drawn.
  var cells: CellCounts?
  var quality = CountQuality()
  /// Mappings whose huge pages count as private until it is known whether they are.
  var unsettledHugePages: [UnsettledHugePages] = []
  /// Pages that may have been merged, and how many of them were, by smaps.
  var mergeablePages: UInt64 = 0
  var mergedPages: UInt64 = 0
  /// Pages counted as private of which it is not certain that they would not be copied.
  var doubtfulPrivate: UInt64 = 0
  /// References to pages in swap space from writable private mappings.
  var swapReferences: UInt64 = 0
  /// Pages in swap space that were told from the kernel's notes too late to be compared.
  var settledSwap: UInt64 = 0
  var differingPages: UInt64 = 0
  var freshPages: UInt64 = 0
  /// Differing pages by whose own they are since the fork.
  var writers = WriterCounts()
  /// The differing pages of each mapping; empty unless mappings are counted.
  private(set) var partingByMapping: [MappingParting] = []
  private var partingIndex = 0
  /// The shares of the pages that others map too, in 1/4096 byte.
  var shares: UInt64 = 0
  private var sums: MappingStatistics?

  /// Its number among those that are read, and the groups that its processes are in.
  var number = 0
  var leaves: [Int] = []
  /// Pages that nobody else maps; those of huge pages, of which that is known later, are apart: their
  /// frames are in the table of frames. Of all of them those of explicit huge pages.
  var exclusive = ExclusivePages()
  var exclusiveInHugePages: UInt64 = 0
  var exclusiveHugetlbPages: UInt64 = 0

  /// The mapping of `origin` that the comparison of mappings has arrived at.
  var originIndex = 0
  /// The mapping that is being counted, and what cannot be told from its page table entries.
  var currentIndex = 0
  var current = MappingCount()
  /// Nothing is populated below this address, from the current position on.
  var nextPopulated: UInt64 = 0
  private(set) var isGone = false

  /// - Throws: `Obstacle`.
  init(_ process: ProcessEntry) throws(Obstacle) {
    self.process = process
    do throws(Errno) {
      var image = try ProcFile.read("/proc/\(process.pid)/auxv")
      image += Array(
        ((try? Kernel.target(ofLink: "/proc/\(process.pid)/exe")) ?? "").utf8)
      self.image = image
    } catch {
      throw AddressSpace.obstacle(error, process)
    }
  }

  deinit { close() }

  /// Reads the mappings and opens the page tables. The descriptor stays with the address space even
  /// if the process execs or its pid is used again: reads then end early.
  func open(limits: Range<UInt64>?, countsMappings: Bool) throws(Obstacle) {
    let directory = "/proc/\(process.pid)"
    do throws(Errno) {
      pagemap = try ProcFile.open(directory + "/pagemap")
      mapText = try ProcFile.read(directory + "/maps")
    } catch {
      throw AddressSpace.obstacle(error, process)
    }
    mappings = Mapping.parse(mapText, clippedTo: limits)
    isLimited = limits != nil
    if countsMappings {
      countsByMapping = Array(repeating: PageCounts(), count: mappings.count)
      partingByMapping = Array(repeating: MappingParting(), count: mappings.count)
    } else {
      mapText = []
    }
    if process.hasEnded { throw .gone }
  }

  /// Notes a page that differs from the origin's in its mapping; addresses mostly come in their order.
  func notePartedPage(at address: UInt64, _ found: WriterCounts) {
    if partingByMapping.isEmpty { return }
    if partingIndex == mappings.count || address < mappings[partingIndex].range.lowerBound {
      partingIndex = 0
    }
    while partingIndex < mappings.count, mappings[partingIndex].range.upperBound <= address {
      partingIndex += 1
    }
    guard partingIndex < mappings.count else { return }
    partingByMapping[partingIndex].differing += 1
    partingByMapping[partingIndex].writers.add(found)
  }

  /// Gives back what only reading needs.
  func close() {
    try? pagemap?.close()
    pagemap = nil
    if countsByMapping.isEmpty { mappings = [] }
  }

  /// Reads the entries of the pages from `address` on into `entries`; notices if the address space
  /// has ceased to be.
  func read(from address: UInt64, into entries: UnsafeMutableBufferPointer<UInt64>) {
    guard let pagemap else { return }
    let bytes = UnsafeMutableRawBufferPointer(entries)
    let offset = Int64(address / Kernel.pageSize) * 8
    guard let count = try? unsafe ProcFile.read(pagemap, at: offset, into: bytes), count > 0 else {
      isGone = true
      unsafe entries.update(repeating: 0)
      return
    }
    unsafe entries[(count / 8)...].update(repeating: 0)
  }

  /// The entry of a page that was on its way to another place, once it has arrived there; what there is
  /// if it takes its time.
  func settledEntry(at address: UInt64) -> UInt64 {
    var entry: UInt64 = 0
    for _ in 0..<100 {
      unsafe withUnsafeMutablePointer(to: &entry) { pointer in
        unsafe read(
          from: address, into: UnsafeMutableBufferPointer(start: pointer, count: 1))
      }
      if entry & PagemapEntry.swapped == 0 || isGone { break }
    }
    return entry
  }

  /// Calls `body` with the ranges of pages in `range` that have any of `categories`.
  func scan(
    _ range: Range<UInt64>, for categories: Kernel.PageCategories, isFirstOnly: Bool = false,
    _ body: (Range<UInt64>) -> Void
  ) throws(Errno) {
    guard let pagemap else { throw .badFileDescriptor }
    try Kernel.scanPagemap(pagemap, range, categories, isFirstOnly: isFirstOnly, body)
  }

  /// How far from the start of `range` on there are huge pages only, ordinary ones. One page is asked
  /// about first: looking at a run of small ones takes time.
  func endOfHugePages(_ range: Range<UInt64>) -> UInt64 {
    let start = range.lowerBound
    let first = start..<start + Kernel.pageSize
    guard let pagemap, let end = try? Kernel.endOfHugePages(pagemap, first), end > start,
      let end = try? Kernel.endOfHugePages(pagemap, range)
    else { return start }
    return end
  }

  /// What smaps says of a mapping; read when first needed.
  func statistics(ofMappingAt start: UInt64) -> MappingStatistics? {
    if statistics == nil { statistics = (try? MappingStatistics.read(pid: process.pid)) ?? [:] }
    return statistics?[start]
  }

  /// Asks the kernel for the proportional set sizes, or with `knowsShares` only for what cannot be
  /// added up: shares of slots of swap space.
  func readSums(knowsShares: Bool) {
    if knowsShares, counts[.swapped] == counts.swappedShared { return }
    sums = isLimited ? sumOfMappings() : statisticsOfAll()
  }

  /// What smaps_rollup says of all mappings together.
  func statisticsOfAll() -> MappingStatistics? {
    (try? MappingStatistics.readSums(pid: process.pid)).flatMap { $0 }
  }

  /// The proportional set sizes, when `readSums` has been called and every page counted.
  func proportional(knowsShares: Bool) -> ProportionalMemory {
    let figure = { (bytes: UInt64?) in bytes.map { MemoryFigure(bytes: $0) } ?? .denied }
    let pages = exclusive.all + exclusiveInHugePages - exclusiveHugetlbPages
    let shift = ProportionalMemory.shift
    let own = ((pages * Kernel.pageSize) << shift + shares) >> shift
    let hasSwapped = counts[.swapped] > counts.swappedShared
    return ProportionalMemory(
      resident: figure(knowsShares ? own : sums?.proportional),
      swapped: figure(knowsShares && !hasSwapped ? 0 : sums?.swapProportional))
  }

  private func sumOfMappings() -> MappingStatistics? {
    var sums = MappingStatistics()
    for mapping in mappings {
      guard let statistics = statistics(ofMappingAt: mapping.start) else { return nil }
      sums.proportional += statistics.proportional
      sums.swapProportional += statistics.swapProportional
    }
    return sums
  }

  /// Whether any page may have been merged (KSM): not if the kernel says that no mapping was ever
  /// offered for it, nor in any process that this one was forked from (/proc/PID/ksm_stat).
  private(set) lazy var mayHaveMergedPages: Bool = {
    guard let text = try? ProcFile.read("/proc/\(process.pid)/ksm_stat") else { return true }
    return !String(decoding: text, as: UTF8.self).contains("ksm_mergeable: no")
  }()

  /// Whether any page is an explicit huge one (/proc/PID/status).
  private(set) lazy var hasHugetlbPages: Bool = {
    var scanner = ByteScanner((try? ProcFile.read("/proc/\(process.pid)/status")) ?? [])
    while !scanner.isAtEnd {
      if scanner.word().elementsEqual("HugetlbPages:".utf8) { return scanner.decimal() ?? 1 > 0 }
      scanner.skipLine()
    }
    return true
  }()

  func name(of mapping: Mapping) -> String {
    String(decoding: mapText[mapping.name], as: UTF8.self)
  }

  private static func obstacle(_ error: Errno, _ process: ProcessEntry) -> Obstacle {
    switch error {
    case .noSuchFileOrDirectory, .noSuchProcess: .gone
    case .tooManyOpenFiles, .tooManyOpenFilesInSystem: .tooManyOpenFiles
    // A process that is ending has given up its memory, and with that who may look at it.
    default: process.hasEnded ? .gone : .denied
    }
  }
}
