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
    @_noLocks get { cause.isGuess && region.value.isAdopted }
  }

  /// Copies the pages that were added, neighbours in ascending order. Returns the first that cannot be
  /// read, if one cannot: it and those after it are no longer part of the batch, and their words are as
  /// they were, but for the claim.
  @_noLocks
  mutating func copyReadablePages() -> Int? {
    let added = copiedPages
    let unreadable = copyUpToUnreadablePage()
    if copiedPages < added, region.value.storeLimit.isLimited {
      region.value.storeLimit.noteUnusedRoom()
    }
    return unreadable
  }

  @_noLocks
  private mutating func copyUpToUnreadablePage() -> Int? {
    let pageSize = region.value.layout.pageSize
    var number = versions.first
    while number != 0 {
      let first = place(of: number)
      var last = number
      var count = 1
      while case let next = region.value.versions.record(last).value.next, next != 0,
        case let further = place(of: next), further.page == first.page + count,
        further.address == first.address + UInt(count * pageSize)
      {
        last = next
        count += 1
      }
      let copied = Kernel.copyIfReadable(
        from: region.value.layout.address(ofPage: first.page), to: first.address, pageCount: count,
        pageSize: pageSize)
      for _ in 0..<min(copied, count) {
        giveUpSlotIfZero(number)
        number = region.value.versions.record(number).value.next
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
    let record = region.value.versions.record(number)
    // A view of adopted memory holds no versions, and whether a page is all zeros is not known yet.
    let slot = unsafe record.value.location.slot.unsafelyUnwrapped
    return (
      Int(record.value.page), region.value.store.value.pages.address(of: slot)
    )
  }

  @_noLocks
  private mutating func giveUpSlotIfZero(_ number: UInt32) {
    guard Kernel.isZero(place(of: number).address, count: region.value.layout.pageSize) else {
      return
    }
    giveBackSlot(of: number)
    region.value.versions.record(number).value.location = .zero
    zeroPages += 1
  }

  /// Takes the versions from `number` on out of the batch. Nobody has seen them.
  @_noLocks
  private mutating func drop(from number: UInt32) {
    var next = number
    while next != 0 {
      giveBackSlot(of: next)
      next = region.value.versions.record(next).value.next
    }
    region.value.versions.takeBack(from: number, of: &versions)
  }

  @_noLocks
  private mutating func giveBackSlot(of number: UInt32) {
    guard let slot = region.value.versions.record(number).value.location.slot else { return }
    region.value.store.value.deallocatePage(slot)
    copiedPages -= 1
    // With a limit, it was counted as it was taken.
    if region.value.storeLimit.isLimited { region.value.storeLimit.remove(pages: 1) }
  }
}
