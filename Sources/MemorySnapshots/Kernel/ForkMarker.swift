internal import Glibc
internal import SystemPackage

/// Tells a process from the one that made it: a page that the kernel empties in a forked child
/// (madvise(2), MADV_WIPEONFORK). Costs one load to ask; getpid(2) would be a system call.
///
/// Safe to share: written once, before it is shared.
final class ForkMarker: @unchecked Sendable {
  private let page: Mapping
  private let mark: Reference<UInt64>

  init() throws(Errno) {
    page = try Mapping(anonymous: Kernel.pageSize)
    // The child must have the page to look at it, unlike everything else we map.
    try Kernel.advise(page.address, page.byteCount, MADV_DOFORK)
    try Kernel.advise(page.address, page.byteCount, Kernel.wipeOnFork)
    mark = unsafe Reference(address: page.address)
    mark.value = 1
  }

  var isInChild: Bool { mark.value == 0 }
}
