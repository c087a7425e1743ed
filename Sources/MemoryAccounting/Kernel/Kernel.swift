internal import CUserfault
internal import SystemPackage

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// The system calls that have no wrapper in `SystemPackage`. The only file that calls C.
enum Kernel {
  /// The size of a page in bytes; the corresponding call is `sysconf(_SC_PAGESIZE)`.
  static let pageSize = UInt64(sysconf(Int32(_SC_PAGESIZE)))

  /// How many pages one huge page has: as many as fit into a page of 8-byte page table entries.
  static let pagesPerHugePage = Int(pageSize / 8)

  /// Reads a byte, whatever becomes of its value: the page is in memory afterwards.
  static func readByte(at address: UnsafeRawPointer) { unsafe cuserfault_read_byte(address) }

  /// What `scanPagemap` looks for.
  struct PageCategories: OptionSet {
    let rawValue: UInt64
    /// `PAGE_IS_PRESENT`.
    static let present = PageCategories(rawValue: UInt64(CUSERFAULT_PAGE_IS_PRESENT))
    /// `PAGE_IS_SWAPPED`.
    static let swapped = PageCategories(rawValue: UInt64(CUSERFAULT_PAGE_IS_SWAPPED))
    /// `PAGE_IS_PFNZERO`.
    static let zero = PageCategories(rawValue: UInt64(CUSERFAULT_PAGE_IS_PFNZERO))
    /// `PAGE_IS_HUGE`.
    static let huge = PageCategories(rawValue: UInt64(CUSERFAULT_PAGE_IS_HUGE))
    /// `PAGE_IS_WRITTEN`: not write-protected by userfaultfd.
    static let unprotected = PageCategories(rawValue: UInt64(CUSERFAULT_PAGE_IS_WRITTEN))
  }

  /// How far the pages from the start of `range` on are mapped with huge pages that are neither zero
  /// pages nor write-protected; the start if the first one is not.
  ///
  /// The corresponding system call is `ioctl(PAGEMAP_SCAN)` (Linux 6.7): it looks at a huge page as a
  /// whole.
  static func endOfHugePages(
    _ pagemap: FileDescriptor, _ range: Range<UInt64>
  ) throws(Errno) -> UInt64 {
    let wanted: PageCategories = [.huge, .unprotected]
    let decisive: PageCategories = [.huge, .unprotected, .zero, .swapped]
    var region = cuserfault_page_region()
    var count = 0
    var walkEnd: UInt64 = 0
    while true {
      let result = unsafe withUnsafeMutablePointer(to: &region) { pointer in
        unsafe cuserfault_pagemap_scan(
          pagemap.rawValue, range.lowerBound, range.upperBound, decisive.rawValue, 0, pointer, 1,
          &count, &walkEnd)
      }
      if result == -EINTR { continue }
      if result != 0 { throw Errno(rawValue: -result) }
      break
    }
    let isWanted =
      count == 1 && region.start == range.lowerBound && region.categories == wanted.rawValue
    return isWanted ? region.end : range.lowerBound
  }

  /// Calls `body` with each run of pages in `range` that has any of `categories`; with `isFirstOnly`
  /// with no more than the first page of the first run, for which the kernel looks no further.
  ///
  /// The corresponding system call is `ioctl(PAGEMAP_SCAN)` (Linux 6.7). It keeps the process from mapping
  /// and unmapping until it is done, so that no more is asked for at a time than takes some 50 µs.
  static func scanPagemap(
    _ pagemap: FileDescriptor, _ range: Range<UInt64>, _ categories: PageCategories,
    isFirstOnly: Bool = false, _ body: (Range<UInt64>) -> Void
  ) throws(Errno) {
    let capacity = 64
    var position = range.lowerBound
    var length = shortestScan
    while position < range.upperBound {
      let end = min(range.upperBound, position &+ min(length, .max - position))
      let start = ContinuousClock.now
      var regions = InlineArray<64, cuserfault_page_region>(
        repeating: cuserfault_page_region())
      var count = 0
      var walkEnd = position
      var span = regions.mutableSpan
      let result = unsafe span.withUnsafeMutableBufferPointer { buffer -> Int32 in
        guard let base = buffer.baseAddress else { return 0 }
        return unsafe cuserfault_pagemap_scan(
          pagemap.rawValue, position, end, categories.rawValue,
          isFirstOnly ? 1 : 0, base, capacity, &count, &walkEnd)
      }
      if result == -EINTR { continue }
      if result != 0 { throw Errno(rawValue: -result) }
      for index in 0..<count { body(regions[index].start..<regions[index].end) }
      if isFirstOnly, count > 0 { return }
      if count < capacity {
        // All of this part has been looked at.
        position = end
        let isQuick = ContinuousClock.now - start < .microseconds(25)
        length = isQuick ? min(length &* 2, 1 << 46) : max(length / 2, shortestScan)
      } else {
        guard walkEnd > position else { return }
        position = walkEnd
      }
    }
  }

  /// So much address space is asked about at once at first: in pages of 4 KiB, 40 µs if all are there.
  private static let shortestScan = pageSize * 8192

  /// The order of two processes' address spaces: 0 where they share one.
  ///
  /// The corresponding system call is `kcmp(KCMP_VM)`.
  static func compareAddressSpaces(_ left: Int32, _ right: Int32) throws(Errno) -> Int32 {
    var order: Int32 = 0
    let result = unsafe cuserfault_compare_address_spaces(left, right, &order)
    if result != 0 { throw Errno(rawValue: -result) }
    return order
  }

  /// The names in a directory.
  ///
  /// The corresponding library calls are `opendir`, `readdir` and `closedir`.
  static func names(inDirectory path: String) throws(Errno) -> [String] {
    guard let directory = unsafe opendir(path) else { throw Errno(rawValue: errno) }
    defer { unsafe _ = closedir(directory) }
    var names: [String] = []
    while let entry = unsafe readdir(directory) {
      let offset = MemoryLayout<dirent>.offset(of: \.d_name) ?? 0
      let name = unsafe (UnsafeRawPointer(entry) + offset).assumingMemoryBound(to: CChar.self)
      names.append(unsafe String(cString: name))
    }
    return names
  }

  /// The target of a symbolic link.
  ///
  /// The corresponding system call is `readlink`.
  static func target(ofLink path: String) throws(Errno) -> String {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let length = unsafe buffer.withUnsafeMutableBytes { bytes in
      guard let start = bytes.baseAddress else { return 0 }
      return unsafe readlink(path, start, bytes.count)
    }
    guard length >= 0 else { throw Errno(rawValue: errno) }
    return String(decoding: buffer.prefix(length), as: UTF8.self)
  }
}
