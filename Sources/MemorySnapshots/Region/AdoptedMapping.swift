/// Memory that the application has mapped itself, found fit to be protected.
struct AdoptedMapping {
  let address: UInt
  let byteCount: Int
  let isShared: Bool

  /// Looks the range up in /proc/self/maps (proc_pid_maps(5)), because the kernel's own refusal is
  /// a bare EINVAL.
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
    let areas = try MappedArea.all().filter { $0.end > start && $0.start < end }
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
    address = start
    byteCount = count
    isShared = areas[0].isShared
  }
}

extension MappedArea {
  static func all() throws(SnapshotError) -> [MappedArea] {
    let text: String
    do {
      text = try Kernel.readText("/proc/self/maps")
    } catch {
      throw SnapshotError(
        .systemCall, errno: error, operation: "reading /proc/self/maps",
        message: "the mapping cannot be looked up; mount /proc")
    }
    return text.split(separator: "\n").compactMap(MappedArea.init(line:))
  }
}
