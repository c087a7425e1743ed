internal import SystemPackage

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

/// One line of /proc/self/maps.
struct MappedArea {
  let start: UInt
  let end: UInt
  let permissions: Substring
  let isAnonymous: Bool
  let path: String

  var isShared: Bool { permissions.hasSuffix("s") }

  /// Shared memory carries the name of a file that was never on a disk.
  private var isSharedMemory: Bool {
    isShared
      && (path.hasPrefix("/memfd:") || path.hasPrefix("/dev/zero") || path.hasPrefix("/SYSV")
        || path.hasPrefix("/dev/shm/") || path.hasPrefix("[anon_shmem"))
  }

  /// What the application would need to change, or `nil` if the kernel can protect the memory.
  var reasonNotToProtect: String? {
    if !permissions.hasPrefix("rw") {
      return "the mapping is not readable and writable (\(permissions)); map it with PROT_READ and "
        + "PROT_WRITE"
    }
    if path.hasPrefix("/anon_hugepage") || path.contains("hugetlbfs") || path.contains("hugepages")
    {
      return
        "the mapping uses explicit huge pages, which are protected as a whole; use transparent "
        + "huge pages (MADV_HUGEPAGE)"
    }
    if isAnonymous || isSharedMemory { return nil }
    return "the mapping is of a file (\(path)), which userfaultfd cannot write-protect; read the "
      + "file into a region instead"
  }

  static func all() throws(SnapshotError) -> [MappedArea] {
    let text: String
    do {
      text = try readText("/proc/self/maps")
    } catch {
      throw SnapshotError(
        .systemCall, errno: error, operation: "reading /proc/self/maps",
        message: "the mapping cannot be looked up; mount /proc")
    }
    return text.split(separator: "\n").compactMap(MappedArea.init(line:))
  }

  /// `start-end perms offset dev inode   path`
  init?(line: Substring) {
    let fields = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
    guard fields.count >= 5 else { return nil }
    let bounds = fields[0].split(separator: "-")
    guard bounds.count == 2, let start = UInt(bounds[0], radix: 16),
      let end = UInt(bounds[1], radix: 16)
    else { return nil }
    self.start = start
    self.end = end
    permissions = fields[1]
    path = fields.count > 5 ? String(fields[5].drop { $0 == " " }) : ""
    isAnonymous = fields[4] == "0" && fields[1].hasSuffix("p")
  }

  private static func readText(_ path: String) throws(Errno) -> String {
    do {
      let file = try FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec)
      return try file.closeAfter {
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 64 << 10)
        while true {
          let count = try unsafe block.withUnsafeMutableBytes { try unsafe file.read(into: $0) }
          if count == 0 { break }
          bytes += block[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
      }
    } catch let error as Errno {
      throw error
    } catch {
      throw Errno.ioError
    }
  }
}
