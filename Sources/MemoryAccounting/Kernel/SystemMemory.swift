internal import SystemPackage

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// What must be known about the machine's memory before a process's pages can be told apart.
///
/// Keeps the kernel's huge zero page in existence, and at its place, as long as it lives.
@safe
final class SystemMemory {
  /// Whether pagemap shows this process frame numbers (CAP_SYS_ADMIN in the first user namespace).
  let showsFrames: Bool
  /// Whether the kernel has the PAGEMAP_SCAN ioctl (6.7) to find zero pages and huge ones with.
  let canScan: Bool
  /// The frame of the zero page, and the first one of the huge zero page (0: there is none).
  let zeroFrame: UInt64
  let hugeZeroFrame: UInt64
  /// The end of the frames that are memory.
  let frameLimit: UInt64
  /// Whether any page of the machine is merged (KSM).
  let hasMergedPages: Bool
  /// Whether any process of the machine maps anonymous memory with huge pages.
  let hasHugePages: Bool
  let swap: SwapAreas

  private let zeroMemory: UnsafeMutableRawPointer?
  private let zeroByteCount: Int

  /// - Throws: `AccountingError` if /proc is not there.
  init() throws(AccountingError) {
    let pagemap: FileDescriptor
    do throws(Errno) {
      pagemap = try ProcFile.open("/proc/self/pagemap")
    } catch {
      throw AccountingError(
        .procUnavailable, errno: error.rawValue,
        "/proc cannot be read (\(error)): is it mounted?")
    }
    defer { try? pagemap.close() }
    // Two huge pages' worth of address space hold one that is aligned, and a small page after it.
    let pageSize = Int(Kernel.pageSize)
    let hugeSize = pageSize * Kernel.pagesPerHugePage
    zeroByteCount = 3 * hugeSize
    let memory = unsafe mmap(
      nil, zeroByteCount, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    unsafe zeroMemory = memory == MAP_FAILED ? nil : memory
    var zero = PagemapEntry(rawValue: 0)
    var hugeZero = PagemapEntry(rawValue: 0)
    var isHugeZero = false
    var canScan = false
    if let start = unsafe zeroMemory {
      let huge = unsafe start.alignedUp(toMultipleOf: hugeSize)
      let small = unsafe huge + hugeSize
      unsafe _ = madvise(huge, hugeSize, MADV_HUGEPAGE)
      unsafe _ = madvise(small, hugeSize, MADV_NOHUGEPAGE)
      unsafe _ = huge.load(as: UInt8.self)
      unsafe _ = small.load(as: UInt8.self)
      unsafe hugeZero = Self.entry(of: huge, in: pagemap)
      unsafe zero = Self.entry(of: small, in: pagemap)
      let address = UInt64(UInt(bitPattern: huge))
      do throws(Errno) {
        try Kernel.scanPagemap(
          pagemap, address..<address + UInt64(hugeSize), .huge, limit: 1
        ) { _ in isHugeZero = true }
        canScan = true
      } catch {
        canScan = false
      }
    }
    self.canScan = canScan
    showsFrames = zero.frame != 0
    zeroFrame = zero.frame
    // Without huge zero pages the first read got the small one.
    hugeZeroFrame = isHugeZero ? hugeZero.frame : 0
    frameLimit = Self.endOfMemory()
    hasMergedPages = ProcFile.number("/sys/kernel/mm/ksm/pages_shared") ?? 0 > 0
    hasHugePages = Self.mapsHugePages()
    swap = SwapAreas.current()
  }

  deinit {
    if let start = unsafe zeroMemory { unsafe _ = munmap(start, zeroByteCount) }
  }

  private static func entry(
    of address: UnsafeRawPointer, in pagemap: FileDescriptor
  ) -> PagemapEntry {
    var value: UInt64 = 0
    let offset = Int64(UInt(bitPattern: address) / UInt(Kernel.pageSize)) * 8
    _ = unsafe withUnsafeMutableBytes(of: &value) { bytes in
      try? unsafe ProcFile.read(pagemap, at: offset, into: bytes)
    }
    return PagemapEntry(rawValue: value)
  }

  /// The end of the last zone of /proc/zoneinfo.
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
    return end
  }

  private static func mapsHugePages() -> Bool {
    guard let text = try? ProcFile.read("/proc/meminfo") else { return true }
    var scanner = ByteScanner(text)
    while !scanner.isAtEnd {
      if scanner.word().elementsEqual("AnonHugePages:".utf8) {
        return scanner.decimal() ?? 1 > 0
      }
      scanner.skipLine()
    }
    return true
  }
}
