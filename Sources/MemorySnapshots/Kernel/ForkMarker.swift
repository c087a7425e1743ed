internal import Glibc
internal import SystemPackage

/// Tells a process from the one that made it: a page that the kernel empties in a forked child
/// (madvise(2), MADV_WIPEONFORK). Costs one load to ask; getpid(2) would be a system call.
///
/// Safe to share: written once, before it is shared.
@safe
final class ForkMarker: @unchecked Sendable {
  private let page: Mapping
  private let mark: UnsafeMutablePointer<UInt64>

  init() throws(Errno) {
    page = try Mapping(anonymous: Kernel.pageSize)
    // The child must have the page to look at it, unlike everything else we map.
    try Kernel.advise(page.address, page.byteCount, MADV_DOFORK)
    try Kernel.advise(page.address, page.byteCount, Kernel.wipeOnFork)
    // Never zero: a mapping has an address.
    unsafe mark = UnsafeMutablePointer(bitPattern: page.address).unsafelyUnwrapped
    unsafe mark.pointee = 1
  }

  var isInChild: Bool { unsafe mark.pointee == 0 }
}
