internal import Glibc
internal import SystemPackage

// Mappings of which every page is known to be empty, or in the file, whatever the process does to its
// memory as a whole: under mlockall(MCL_FUTURE) the kernel fills a new mapping with zeros, or with
// copies of the file's pages, before mmap(2) returns.

extension Mapping {
  /// Memory whose pages are all missing: whoever reads one waits for it to be filled.
  init(missing byteCount: Int, descriptor: Int32) throws(Errno) {
    let mapping = try Mapping.inaccessible(byteCount, file: -1)
    // Registered while nothing can be in it: from here on, no page comes without our doing, not by
    // another thread's mlockall(MCL_CURRENT) either.
    try Kernel.registerForMissingPages(descriptor, mapping.address, byteCount)
    try mapping.makeAccessible()
    self = mapping
  }

  /// A private image of a memory file, of which the kernel copies a page when it is written to.
  init(imageOf file: Int32, _ byteCount: Int) throws(Errno) {
    let mapping = try Mapping.inaccessible(byteCount, file: file)
    try mapping.makeAccessible()
    self = mapping
  }

  /// Address space without a page, private, and of a memory file if there is one: the kernel fills
  /// nothing that cannot be accessed.
  private static func inaccessible(_ byteCount: Int, file: Int32) throws(Errno) -> Mapping {
    let mapping = Mapping(
      owning: try Kernel.reserve(byteCount, file: file), byteCount: byteCount)
    if mapping.isLocked {
      // Pages stay in memory as they come, and none comes by itself. Where this is not permitted, the
      // kernel fills what it can: a file's pages, which are right as well.
      Kernel.lockOnFault(mapping.address, byteCount)
    }
    return mapping
  }

  /// Whether mlockall(MCL_FUTURE) holds. MADV_DONTNEED is refused for locked memory, and has nothing to
  /// do in a new mapping.
  private var isLocked: Bool {
    do throws(Errno) {
      try Kernel.advise(address, byteCount, MADV_DONTNEED)
      return false
    } catch {
      return error == .invalidArgument
    }
  }

  private borrowing func makeAccessible() throws(Errno) {
    try Kernel.makeAccessible(address, byteCount)
  }
}
