internal import SystemPackage

/// What must be known about the machine's memory before a process's pages can be told apart.
struct SystemMemory {
  /// Whether pagemap shows this process frame numbers (CAP_SYS_ADMIN in the first user namespace).
  let showsFrames: Bool
  /// Whether the PAGEMAP_SCAN ioctl (6.7) is there to find zero pages and huge ones with.
  let canScan: Bool
  /// The frame of the zero page, and the first one of the huge zero page (0: there is none).
  let zeroFrame: UInt64
  let hugeZeroFrame: UInt64
  /// The end of the frames that are memory.
  let frameLimit: UInt64
  /// Whether any page of the machine is merged (KSM).
  let hasMergedPages: Bool
  /// Whether any may have been since the machine was started.
  let mayHaveMerged: Bool
  /// Whether any process of the machine maps anonymous memory with huge pages.
  let hasHugePages: Bool
  /// Whether any file's pages, or shared memory's, are mapped with huge pages.
  let hasHugeFilePages: Bool
  /// Whether the machine has explicit huge pages (hugetlb).
  let hasHugetlbPages: Bool
  let swap: SwapAreas
  /// Whether any page has gone to swap space, or come back from it, since the machine was started.
  let hasSwapped: Bool

  /// - Throws: `AccountingError` if /proc is not there.
  init() throws(AccountingError) {
    do throws(Errno) {
      let pagemap = try ProcFile.open("/proc/self/pagemap")
      defer { try? pagemap.close() }
      let zero = ZeroPages(pagemap)
      canScan = zero.canScan
      showsFrames = zero.frame != 0
      zeroFrame = zero.frame
      hugeZeroFrame = zero.hugeFrame
    } catch {
      guard error == .permissionDenied || error == .notPermitted else {
        throw AccountingError(
          .procUnavailable, errno: error.rawValue,
          "/proc cannot be read (\(error)): is it mounted?")
      }
      // A process that may not be dumped (its program file cannot be read, say) is barred from its
      // own pagemap, but not from those of its user's others.
      canScan = true
      showsFrames = false
      zeroFrame = 0
      hugeZeroFrame = 0
    }
    frameLimit = showsFrames ? Self.endOfMemory() : 0
    hasMergedPages = ProcFile.number("/sys/kernel/mm/ksm/pages_shared") ?? 0 > 0
    // Nothing is merged before it has been seen twice.
    mayHaveMerged = hasMergedPages || ProcFile.number("/sys/kernel/mm/ksm/full_scans") ?? 0 > 0
    let memory = MemoryInformation.current()
    hasHugePages = memory.has("AnonHugePages:")
    hasHugeFilePages = memory.has("ShmemPmdMapped:") || memory.has("FilePmdMapped:")
    hasHugetlbPages = memory.has("Hugetlb:")
    swap = SwapAreas.current()
    let events = (try? ProcFile.read("/proc/vmstat")).map(VirtualMemoryEvents.init)
    hasSwapped = events?.haveSwapped ?? true
  }

  /// The end of the last zone of /proc/zoneinfo; of the largest machine that is likely (16 TiB) where
  /// that cannot be read.
  private static func endOfMemory() -> UInt64 {
    var scanner = ByteScanner((try? ProcFile.read("/proc/zoneinfo")) ?? [])
    var spanned: UInt64 = 0
    var end: UInt64 = 0
    while !scanner.isAtEnd {
      let word = scanner.word()
      if word.elementsEqual("spanned".utf8) {
        spanned = scanner.decimal() ?? 0
      } else if word.elementsEqual("start_pfn:".utf8), spanned > 0 {
        end = max(end, (scanner.decimal() ?? 0) + spanned)
      }
      scanner.skipLine()
    }
    return end > 0 ? end : 1 << 44 / Kernel.pageSize
  }
}
