internal import SystemPackage

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// Where the kernel's zero pages are, found out by reading memory of our own that was never written.
struct ZeroPages {
  /// The frame of the zero page; 0 if the kernel does not show frames to this process.
  private(set) var frame: UInt64 = 0
  /// The first frame of the huge zero page, 0 if there is none.
  ///
  /// It stays where it is as long as any process that ever mapped it lives; now we are one.
  private(set) var hugeFrame: UInt64 = 0
  /// Whether the kernel has the PAGEMAP_SCAN ioctl.
  private(set) var canScan = false

  init(_ pagemap: FileDescriptor) {
    // Three huge pages' worth of address space hold an aligned one, and a small page after it.
    let hugeSize = Int(Kernel.pageSize) * Kernel.pagesPerHugePage
    let memory = unsafe mmap(
      nil, 3 * hugeSize, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let memory = unsafe memory, unsafe memory != MAP_FAILED else { return }
    defer { unsafe _ = munmap(memory, 3 * hugeSize) }
    let huge = unsafe memory.alignedUp(toMultipleOf: hugeSize)
    let small = unsafe huge + hugeSize
    unsafe _ = madvise(huge, hugeSize, MADV_HUGEPAGE)
    unsafe _ = madvise(small, hugeSize, MADV_NOHUGEPAGE)
    // Through C: the optimiser drops a load whose value nobody uses.
    unsafe Kernel.readByte(at: huge)
    unsafe Kernel.readByte(at: small)
    frame = unsafe entry(of: small, in: pagemap).frame
    let address = UInt64(UInt(bitPattern: huge))
    do throws(Errno) {
      // Without huge zero pages the read got the small one.
      var isHuge = false
      try Kernel.scanPagemap(
        pagemap, address..<address + UInt64(hugeSize), .huge, isFirstOnly: true
      ) { _ in isHuge = true }
      canScan = true
      if isHuge { hugeFrame = unsafe entry(of: huge, in: pagemap).frame }
    } catch {
      canScan = false
    }
  }

  private func entry(of address: UnsafeRawPointer, in pagemap: FileDescriptor) -> PagemapEntry {
    var value: UInt64 = 0
    let offset = Int64(UInt(bitPattern: address) / UInt(Kernel.pageSize)) * 8
    _ = unsafe withUnsafeMutableBytes(of: &value) { bytes in
      try? unsafe ProcFile.read(pagemap, at: offset, into: bytes)
    }
    return PagemapEntry(rawValue: value)
  }
}
