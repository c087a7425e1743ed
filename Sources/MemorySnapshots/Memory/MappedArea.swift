/// A mapping as /proc/self/smaps describes it.
struct MappedArea {
  let start: UInt
  let end: UInt
  let permissions: Substring
  let isAnonymous: Bool
  let path: String
  /// Device and inode, and where in the file the mapping begins.
  let file: Substring
  let offset: UInt
  /// What the kernel does with the memory: two letters for each (VmFlags).
  var flags: [Substring] = []

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
    file = line[fields[3].startIndex..<fields[4].endIndex]
    offset = UInt(fields[2], radix: 16) ?? 0
    path = fields.count > 5 ? String(fields[5].drop { $0 == " " }) : ""
    isAnonymous = fields[4] == "0" && fields[1].hasSuffix("p")
  }
}
