/// The pages of a mapping that differ from the origin's.
struct MappingParting {
  var differing: UInt64 = 0
  var writers = WriterCounts()
}

/// Huge pages of one mapping.
struct UnsettledHugePages {
  let mappingIndex: Int
  let mapping: Mapping
  let pages: UInt64
}

/// The count of the mapping that an address space is being read at.
struct MappingCount {
  var counts = PageCounts()
  /// Pages in huge pages, whose sharing the page table does not tell page by page.
  var hasHugePages = false
  /// Up to here everything is known to be mapped with huge pages.
  var hugeEnd: UInt64 = 0
  /// Entries counted as swapped that may be no more than the kernel's notes (userfaultfd markers,
  /// guard pages).
  var doubtfulSwap: UInt64 = 0
  /// Pages of files that nobody else maps, and those of them and of merged ones that would be copied.
  var exclusiveFiles: UInt64 = 0
  var exclusiveCopyOnWrite: UInt64 = 0
  /// The mapping has merged pages (KSM).
  var hasMergedPages = false
  /// The mapping consists of explicit huge pages.
  var isHugetlb = false
  /// Pages of files may be mapped with huge pages, of which the page table does not tell who else maps
  /// each page.
  var hasHugeFilePages = false
}
