internal import Glibc
internal import Synchronization
internal import SystemPackage

/// The write protection of a region's pages, by userfaultfd: installing and lifting it, waking those who
/// wait for it, and noticing that it was lost. Nothing else installs or lifts it.
///
/// Which pages are protected, the pages' words and the slices tell; the order of changing those and
/// calling this is the callers' matter.
struct Protection: ~Copyable, Sendable {
  let layout: RegionLayout
  /// The userfaultfd descriptor that the region is registered with.
  let descriptor: Int32
  /// The parts of the region that are protected at all.
  let slices: SliceTable
  let merging: MergeWatch

  private let identity: Kernel.FileIdentity
  /// A registered page of the descriptor's own: see `isLost()`.
  let canary: UInt
  /// Whether protection has to be preceded by populating (Linux before 6.4, private memory).
  private let populatesFirst: Bool
  /// Whether messages are read so that a file which has the descriptor's number by then, an empty pipe
  /// say, is not waited for.
  let isReadWithoutWaiting: Bool
  let keeper: KeeperCall

  /// Whether writes have been going unseen since the descriptor was closed, or the protection was
  /// given up.
  let isUnguarded = Atomic<Bool>(false)
  /// How often in a row the kernel has refused to un-protect pages, and whether the keeper is to give
  /// the protection up for it.
  let refusals = Atomic<Int>(0)
  let isToBeGivenUp = Atomic<Bool>(false)
  /// Whether the kernel has refused to wake threads, which the keeper is to do then.
  let owesWake = Atomic<Bool>(false)

  init(
    _ layout: RegionLayout, isShared: Bool, _ userfault: borrowing Userfaultfd,
    canProtectUnpopulated: Bool, _ keeper: KeeperCall
  ) {
    self.layout = layout
    descriptor = userfault.descriptor.rawValue
    identity = userfault.descriptor.identity
    canary = userfault.canaryAddress
    slices = SliceTable(pageCount: layout.pageCount, pageSize: layout.pageSize)
    merging = MergeWatch(isExposed: !isShared && Kernel.hasMerging)
    populatesFirst = !isShared && !canProtectUnpopulated
    isReadWithoutWaiting = Kernel.canReadWithoutWaiting(descriptor)
    self.keeper = keeper
  }

  /// Whether the descriptor's number still is the region's userfaultfd and not, closed and used again,
  /// another file. Before Linux 5.12, one userfaultfd is not told from another.
  ///
  /// - Complexity: O(1): fstat(2).
  var hasDescriptor: Bool {
    @_noLocks get { Kernel.fileIdentity(descriptor) == identity }
  }

  /// Whether the descriptor's number is a userfaultfd, the region's or not.
  ///
  /// - Complexity: O(1): an ioctl without effect, half as long as `hasDescriptor` takes.
  var hasUserfaultfd: Bool {
    @_noLocks get { Kernel.wake(descriptor, canary, layout.pageSize) == 0 }
  }

  // MARK: - Installing and lifting

  func protect(_ pages: Range<Int>) throws(Errno) {
    guard !pages.isEmpty else { return }
    if populatesFirst {
      // An empty page-table entry of private memory cannot carry protection before Linux 6.4.
      try Kernel.populateForReading(
        layout.address(ofPage: pages.lowerBound), pages.count * layout.pageSize)
    }
    let status = change(pages, protects: true)
    if status != 0 { throw Errno(rawValue: -status) }
  }

  /// Lifts protection and wakes the threads that wait for it. Where the kernel refuses, a fault on a
  /// page that is taken for unprotected is answered by un-protecting that page.
  @_noLocks
  func unprotect(_ pages: Range<Int>) { _ = change(pages, protects: false) }

  /// The same for pages that a thread is waiting for. If the range is gone (the application unmapped it),
  /// waking is all there is to do: the threads fault as the kernel sees fit. If the kernel refuses, the
  /// pages stay protected, and whoever writes to one faults anew, until it does not refuse any more or
  /// the protection is given up. False then.
  @_noLocks
  func unprotectOrWake(_ pages: Range<Int>) -> Bool {
    let status = change(pages, protects: false)
    noteUnprotecting(status)
    if status != 0 { wake(pages) }
    return status == 0
  }

  /// How often an ioctl is tried again: for a tenth of a second, which no fork should take, and for some
  /// microseconds once that has been in vain.
  private var retries: Int {
    @_noLocks get { refusals.load(ordering: .relaxed) == 0 ? 1000 : 16 }
  }

  @_noLocks
  private func change(_ pages: Range<Int>, protects: Bool) -> Int32 {
    let start = layout.address(ofPage: pages.lowerBound)
    let length = pages.count * layout.pageSize
    var attempt = 0
    while true {
      let status =
        protects
        ? Kernel.writeProtect(descriptor, start, length)
        : Kernel.writeUnprotect(descriptor, start, length)
      // EAGAIN: the address space is being changed by a fork or a remapping; it passes.
      guard status == -EAGAIN, attempt < retries else { return status }
      Kernel.pause(attempt)
      attempt += 1
    }
  }

  // MARK: - Waking

  /// Wakes the threads that wait for pages: they fault anew.
  @_noLocks
  func wake(_ pages: Range<Int>) {
    wake(layout.address(ofPage: pages.lowerBound), pages.count * layout.pageSize)
  }

  /// Wakes every thread that waits for a fault of the region.
  func wakeAll() { wake(layout.address, layout.byteCount) }

  /// Wakes the threads that wait in a range, of the region or of its views. If the kernel refuses, the
  /// keeper does it.
  @_noLocks
  func wake(_ start: UInt, _ length: Int) {
    let status = Kernel.wake(descriptor, start, length)
    // EBADF and ENOTTY: the descriptor was closed, which has woken all.
    guard status != 0, status != -EBADF, status != -ENOTTY else { return }
    // Releasing: whatever the threads are to find when they fault anew was written before.
    owesWake.store(true, ordering: .releasing)
    keeper.call()
  }
}
