/// What a stretch of memory (a mapping, a process) consists of, in bytes.
///
/// Every page in memory is counted once in `private`, `shared`, `sharedReadOnly` or, unless it is a
/// zero page, in `copyOnWrite`: `resident` and `hugetlb` together are the sum of the four less `zero`.
public struct MemoryBreakdown: Codable, Sendable, Hashable {
  /// Pages in memory, as `top` counts them (RES) and smaps_rollup (Rss): without zero pages, which use
  /// no memory, and without explicit huge pages.
  public internal(set) var resident: MemoryFigure
  /// Pages of explicit huge pages (hugetlb), which `top` leaves out. The other figures, but for
  /// `resident` and `unique`, count them as what they are: private, shared, copy-on-write.
  public internal(set) var hugetlb: MemoryFigure
  /// The unique set size (USS): pages that no other mapping maps, whether of anonymous memory, of
  /// files or of shared memory; what smaps_rollup has as Private_Clean and Private_Dirty.
  public internal(set) var unique: MemoryFigure
  /// Pages that the kernel, or a userfaultfd handler, would copy on the next write.
  ///
  /// The union of `sharedAnonymous`, `unwrittenFile`, `zero`, `merged` and `userfaultProtected`.
  public internal(set) var copyOnWrite: MemoryFigure
  /// Anonymous pages of writable private mappings that another address space maps too: what `fork`
  /// leaves behind.
  public internal(set) var sharedAnonymous: MemoryFigure
  /// Pages of writable private file mappings that were never written: still the page cache's.
  public internal(set) var unwrittenFile: MemoryFigure
  /// Anonymous memory that was read but never written: all of it is the kernel's one zero page.
  public internal(set) var zero: MemoryFigure
  /// Pages that were merged with equal ones (kernel samepage merging, KSM).
  public internal(set) var merged: MemoryFigure
  /// Pages that a userfaultfd has write-protected, of private and of shared mappings.
  ///
  /// May overlap with the other kinds: a page can be shared since a fork and protected too.
  public internal(set) var userfaultProtected: MemoryFigure
  /// Anonymous pages that belong to this address space alone.
  public internal(set) var `private`: MemoryFigure
  /// Pages shared by design: shared mappings, and file pages of mappings that cannot be written.
  public internal(set) var shared: MemoryFigure
  /// Anonymous pages that are shared since a fork, in mappings that cannot be written (relocated
  /// read-only data): nobody will copy them.
  public internal(set) var sharedReadOnly: MemoryFigure
  /// Pages that are in swap space, those of shared memory too: what smaps_rollup has as Swap.
  public internal(set) var swapped: MemoryFigure
  /// Of `swapped` the pages of shared memory that this process maps, whether it ever touched them or
  /// not.
  public internal(set) var swappedShared: MemoryFigure

  /// A breakdown of which nothing is known.
  public static let denied = MemoryBreakdown(
    resident: .denied, hugetlb: .denied, unique: .denied, copyOnWrite: .denied,
    sharedAnonymous: .denied, unwrittenFile: .denied, zero: .denied, merged: .denied,
    userfaultProtected: .denied, private: .denied, shared: .denied, sharedReadOnly: .denied,
    swapped: .denied, swappedShared: .denied)

  /// Adds each figure of `right` to that of `left`.
  public static func + (left: MemoryBreakdown, right: MemoryBreakdown) -> MemoryBreakdown {
    MemoryBreakdown(
      resident: left.resident + right.resident,
      hugetlb: left.hugetlb + right.hugetlb,
      unique: left.unique + right.unique,
      copyOnWrite: left.copyOnWrite + right.copyOnWrite,
      sharedAnonymous: left.sharedAnonymous + right.sharedAnonymous,
      unwrittenFile: left.unwrittenFile + right.unwrittenFile,
      zero: left.zero + right.zero,
      merged: left.merged + right.merged,
      userfaultProtected: left.userfaultProtected + right.userfaultProtected,
      private: left.private + right.private,
      shared: left.shared + right.shared,
      sharedReadOnly: left.sharedReadOnly + right.sharedReadOnly,
      swapped: left.swapped + right.swapped,
      swappedShared: left.swappedShared + right.swappedShared)
  }
}
