internal import Synchronization

// Pages of the application's own mapping that are preserved on a guess. Nobody has accessed them, so
// they may be under mprotect(2) with PROT_NONE, guard pages (MADV_GUARD_INSTALL) or beyond the end of
// their file, now or from any moment on. A load there would end the process: the kernel copies instead.
//
// Not for memory that the library has mapped: the application leaves that as it is, and the call costs
// more than copying does.

extension PreserveBatch {
  /// Whether what is added is copied by `copyReadablePages`, before `finish`.
  var copiesIfReadable: Bool {
    @_noLocks get { unsafe cause.isGuess && region.pointee.isAdopted }
  }

  /// Copies the pages that were added, neighbours in ascending order. Returns the first that cannot be
  /// read, if one cannot: it and those after it are no longer part of the batch, and their words are as
  /// they were, but for the claim.
  @_noLocks
  mutating func copyReadablePages() -> Int? {
    let pageSize = unsafe region.pointee.pageSize
    let store = unsafe region.pointee.store
    var number = versions.first
    while number != 0 {
      let first = place(of: number)
      var last = number
      var count = 1
      while case let next = unsafe store.pointee.record(last).pointee.next, next != 0,
        case let further = place(of: next), further.page == first.page + count,
        further.address == first.address + UInt(count * pageSize)
      {
        last = next
        count += 1
      }
      let copied = unsafe Kernel.copyIfReadable(
        from: region.pointee.address(ofPage: first.page), to: first.address, pageCount: count,
        pageSize: pageSize)
      for _ in 0..<min(copied, count) {
        giveUpSlotIfZero(number)
        number = unsafe store.pointee.record(number).pointee.next
      }
      if copied < count {
        let page = first.page + copied
        drop(from: number)
        return page
      }
    }
    return nil
  }

  /// The page of a version that is being made, and where its slot is.
  @_noLocks
  private func place(of number: UInt32) -> (page: Int, address: UInt) {
    let record = unsafe region.pointee.store.pointee.record(number)
    let location = VersionLocation(bits: unsafe record.pointee.location.load(ordering: .relaxed))
    // A view of adopted memory holds no versions, and whether a page is all zeros is not known yet.
    let slot = unsafe location.slot.unsafelyUnwrapped
    return unsafe (
      Int(record.pointee.page), region.pointee.store.pointee.pages.address(of: slot)
    )
  }

  @_noLocks
  private mutating func giveUpSlotIfZero(_ number: UInt32) {
    let record = unsafe region.pointee.store.pointee.record(number)
    guard unsafe Kernel.isZero(place(of: number).address, count: region.pointee.pageSize) else {
      return
    }
    giveBackSlot(of: number)
    unsafe record.pointee.location.store(VersionLocation.zero.bits, ordering: .relaxed)
    zeroPages += 1
  }

  /// Takes the versions from `number` on out of the batch. Nobody has seen them.
  @_noLocks
  private mutating func drop(from number: UInt32) {
    let store = unsafe region.pointee.store
    let last = unsafe store.pointee.record(number).pointee.previous
    var number = number
    while number != 0 {
      let record = unsafe store.pointee.record(number)
      let next = unsafe record.pointee.next
      let older = unsafe record.pointee.older.load(ordering: .relaxed)
      if older != 0 { unsafe store.pointee.record(older).pointee.newer = 0 }
      giveBackSlot(of: number)
      unsafe store.pointee.deallocateRecord(number)
      versions.count -= 1
      number = next
    }
    versions.last = last
    if last == 0 {
      versions.first = 0
    } else {
      unsafe store.pointee.record(last).pointee.next = 0
    }
  }

  @_noLocks
  private mutating func giveBackSlot(of number: UInt32) {
    let record = unsafe region.pointee.store.pointee.record(number)
    let location = VersionLocation(bits: unsafe record.pointee.location.load(ordering: .relaxed))
    guard let slot = location.slot else { return }
    unsafe region.pointee.store.pointee.deallocatePage(slot)
    copiedPages -= 1
    // With a limit, it was counted as it was taken.
    if isLimited { unsafe region.pointee.preservedPages.subtract(1, ordering: .relaxed) }
  }
}
