internal import SystemPackage

/// Memory that the application has mapped itself, found fit to be protected.
struct AdoptedMapping {
  let address: UInt
  let byteCount: Int
  let isShared: Bool
  /// The mappings that the range lies in, in order, and what the application has told the kernel about
  /// each.
  let parts: [Part]

  struct Part {
    let range: Range<UInt>
    /// MADV_DONTFORK, MADV_MERGEABLE.
    let isKeptFromChildren: Bool
    let isMergeable: Bool
  }

  /// Looks the range up in /proc/self/smaps (proc_pid_smaps(5)), because the kernel's own refusal is
  /// a bare EINVAL, and because what the application has said about the memory is to hold again
  /// afterwards.
  init(_ buffer: UnsafeMutableRawBufferPointer) throws(SnapshotError) {
    let operation = "MemoryRegion(adopting:)"
    guard let base = buffer.baseAddress, buffer.count > 0 else {
      throw .invalidArgument(operation, "the buffer is empty; give a mapping of at least a page")
    }
    let start = UInt(bitPattern: base)
    let count = buffer.count
    let pageSize = Kernel.pageSize
    guard start % UInt(pageSize) == 0, count % pageSize == 0 else {
      throw .invalidArgument(
        operation,
        "the buffer must start and end at a page boundary (\(pageSize) bytes); allocate it with "
          + "mmap(2)")
    }
    let (end, wraps) = start.addingReportingOverflow(UInt(count))
    guard !wraps else {
      throw .invalidArgument(
        operation, "the buffer ends beyond the address space; give the mapping's own size")
    }
    let areas = try MappedArea.all(in: start..<end)
    var covered = start
    for area in areas {
      guard area.start <= covered else { break }
      if let reason = area.reasonNotToProtect {
        throw SnapshotError(.unprotectableMapping, operation: operation, message: reason)
      }
      guard area.isShared == areas[0].isShared else {
        throw SnapshotError(
          .unprotectableMapping, operation: operation,
          message: "the buffer is private memory in one part and shared in another; adopt each "
            + "part as a region")
      }
      covered = area.end
    }
    guard covered >= end else {
      throw SnapshotError(
        .unprotectableMapping, operation: operation,
        message: "part of the buffer is not mapped; map all of it first")
    }
    guard !areas[0].isShared || !MappedArea.sharePages(areas, in: start..<end) else {
      throw SnapshotError(
        .unprotectableMapping, operation: operation,
        message: "the buffer maps the same pages more than once, and what is written in one place "
          + "would go unseen in the other; adopt one of the mappings")
    }
    address = start
    byteCount = count
    isShared = areas[0].isShared
    parts = areas.map { area in
      Part(
        range: max(area.start, start)..<min(area.end, end),
        isKeptFromChildren: area.flags.contains("dc"), isMergeable: area.flags.contains("mg"))
    }
  }
}

/// What the kernel is told about adopted memory for as long as its region lives: forked children do not
/// get it, because their writes would go unseen, and private pages are not merged with equal ones,
/// which would take their protection off. In the end, what the application has said holds again.
struct AdoptedAdvice: ~Copyable {
  private var parts: [AdoptedMapping.Part]
  private let mayBeMerged: Bool

  init(_ mapping: AdoptedMapping) throws(Errno) {
    parts = mapping.parts
    mayBeMerged = !mapping.isShared
    try Kernel.advise(mapping.address, mapping.byteCount, Kernel.doNotFork)
    guard mayBeMerged else { return }
    do {
      try Kernel.advise(mapping.address, mapping.byteCount, Kernel.doNotMerge)
    } catch Errno.invalidArgument {
      // A kernel that does not merge.
    }
  }

  /// Leaves everything as it is: the memory is another process's.
  mutating func abandon() { parts = [] }

  deinit {
    for part in parts {
      let start = part.range.lowerBound
      let count = part.range.count
      if !part.isKeptFromChildren { try? Kernel.advise(start, count, Kernel.doFork) }
      if part.isMergeable, mayBeMerged { try? Kernel.advise(start, count, Kernel.merge) }
    }
  }
}
