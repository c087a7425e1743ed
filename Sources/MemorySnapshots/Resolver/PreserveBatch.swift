internal import Synchronization

/// Why a page had to be preserved.
enum PreserveCause {
  case fault
  case ahead
  case hot
  case intent
  case restore

  /// Whether nobody has announced a write to the page.
  var isGuess: Bool {
    @_noLocks get {
      switch self {
      case .ahead, .hot: true
      case .fault, .intent, .restore: false
      }
    }
  }
}

/// Pages that one thread preserves together: first each gets a version, then all are copied, then
/// all are published. What other processors must hear of (slots taken, counters, the list of
/// versions) is told once for all of them, and not between two copies.
///
/// The caller has passed the gate and holds the pages' claims; it un-protects them afterwards.
@safe
struct PreserveBatch {
  private let region: UnsafeMutablePointer<RegionState>
  private let cause: PreserveCause
  private let epoch: UInt64
  private var versions = VersionList()
  private var records = SlotSet()
  private var slots = SlotSet()
  private var copiedPages = 0
  private var zeroPages = 0
  private var viewPages = 0
  private var furtherViewPages = 0

  /// From this many pages on, a copy would push more out of the cache than it is worth there.
  private static var leastPagesPastCache: Int {
    @_noLocks get { 8 }
  }

  @_noLocks
  init(_ region: UnsafeMutablePointer<RegionState>, _ cause: PreserveCause) {
    unsafe self.region = region
    self.cause = cause
    // Relaxed: the epochs change only while the gate is closed, and the caller has passed it.
    epoch = unsafe region.pointee.epoch.load(ordering: .relaxed)
  }

  // MARK: - First: making versions

  /// Adds a page whose word was `word`, with the claim that the caller holds by now. False if there
  /// is no memory for a pre-image: nothing has changed then.
  ///
  /// - Parameter expected: How many pages, with this one, the caller means to add.
  @_noLocks
  mutating func add(_ page: Int, _ word: PageWord, expected: Int) -> Bool {
    guard unsafe region.pointee.newestLiveEpoch.load(ordering: .relaxed) > word.preserved else {
      publish(page, word, newestVersion: word.newestVersion)
      return true
    }
    if records.count == 0 {
      records = unsafe region.pointee.store.pointee.allocateRecords(
        upTo: min(expected, SlotSet.capacity))
      guard records.count > 0 else { return false }
    }
    guard let location = location(ofPage: page, preserved: word.preserved, expected: expected),
      let slot = records.removeFirst()
    else { return false }
    link(slot + 1, page, word, location)
    return true
  }

  /// Finds a place for the content of a page where a snapshot can read it. A view that needs the page
  /// makes the copy itself, now, and its private page serves every snapshot in the interval.
  @_noLocks
  private mutating func location(
    ofPage page: Int, preserved: UInt64, expected: Int
  ) -> VersionLocation? {
    let mayHold = unsafe region.pointee.views.mayHoldVersions
    if mayHold, let view = touchViews(ofPage: page, preserved: preserved, holdsVersion: true) {
      unsafe region.pointee.views.entry(view).pointee.heldVersions.add(1, ordering: .relaxed)
      viewPages += 1
      return .view(view)
    }
    guard let location = storeLocation(ofPage: page, expected: expected) else { return nil }
    if !mayHold {
      _ = touchViews(ofPage: page, preserved: preserved, holdsVersion: false)
    }
    return location
  }

  @_noLocks
  private mutating func storeLocation(ofPage page: Int, expected: Int) -> VersionLocation? {
    let source = unsafe region.pointee.address(ofPage: page)
    if unsafe Kernel.isZero(source, count: region.pointee.pageSize) {
      zeroPages += 1
      return .zero
    }
    if slots.count == 0 { takeSlots(upTo: expected) }
    guard let slot = slots.removeFirst() else { return nil }
    copiedPages += 1
    return .slot(slot)
  }

  /// Has the kernel copy the page in each open view that does not have it yet: in few, see
  /// `ViewTable`. Returns the one whose copy is to be the version, if one is. Must come before the
  /// live page is un-protected.
  @_noLocks
  private mutating func touchViews(
    ofPage page: Int, preserved: UInt64, holdsVersion: Bool
  ) -> Int? {
    var holder: Int?
    for position in unsafe 0..<region.pointee.views.countCopiedByKernel {
      let index = unsafe region.pointee.views.viewCopiedByKernel(position)
      let view = unsafe region.pointee.views.entry(index)
      guard unsafe view.pointee.epoch > preserved else { continue }
      unsafe Kernel.touch(view.pointee.address + UInt(page * region.pointee.pageSize))
      if holdsVersion, holder == nil {
        holder = index
      } else {
        unsafe view.pointee.ownPages.add(1, ordering: .relaxed)
        furtherViewPages += 1
      }
    }
    return holder
  }

  /// Takes slots: one by one where there is a limit to the pages preserved, which counts each at once.
  @_noLocks
  private mutating func takeSlots(upTo expected: Int) {
    guard isLimited else {
      slots = unsafe region.pointee.store.pointee.allocatePages(
        upTo: min(expected, SlotSet.capacity))
      return
    }
    let kept = unsafe region.pointee.preservedPages.add(1, ordering: .relaxed).newValue
    if unsafe kept <= region.pointee.pageLimit
      || region.pointee.limitIsLifted.load(ordering: .relaxed)
    {
      slots = unsafe region.pointee.store.pointee.allocatePages(upTo: 1)
    } else {
      // Relaxed: `isStarved`, set afterwards, orders it.
      unsafe region.pointee.limitIsHit.store(true, ordering: .relaxed)
    }
    if slots.count > 0 {
      unsafe region.pointee.counters.notePreserved(kept)
    } else {
      unsafe region.pointee.preservedPages.subtract(1, ordering: .relaxed)
    }
  }

  private var isLimited: Bool {
    @_noLocks get { unsafe region.pointee.pageLimit != .max }
  }

  /// Fills a version's record in, and adds it to the list.
  @_noLocks
  private mutating func link(
    _ number: UInt32, _ page: Int, _ word: PageWord, _ location: VersionLocation
  ) {
    let store = unsafe region.pointee.store
    let record = unsafe store.pointee.record(number)
    // A reader that still walks the record's last life sees the unlinking before any of this.
    atomicMemoryFence(ordering: .releasing)
    let older = word.newestVersion
    let untracked = unsafe region.pointee.slices.untrackedEpoch(ofClosedSliceWithPage: page)
    let guess = cause.isGuess ? VersionRecord.speculativeBit : 0
    // Relaxed: the page's word publishes the record.
    let lower = max(word.preserved, untracked)
    unsafe record.pointee.lowerBits.store(lower | guess, ordering: .relaxed)
    unsafe record.pointee.upper.store(epoch, ordering: .relaxed)
    unsafe record.pointee.location.store(location.bits, ordering: .relaxed)
    unsafe record.pointee.older.store(older, ordering: .relaxed)
    unsafe record.pointee.newer = 0
    unsafe record.pointee.page = UInt32(truncatingIfNeeded: page)
    if older != 0 { unsafe store.pointee.record(older).pointee.newer = number }
    unsafe record.pointee.next = 0
    unsafe record.pointee.previous = versions.last
    if versions.count == 0 {
      versions.first = number
    } else {
      unsafe store.pointee.record(versions.last).pointee.next = number
    }
    versions.last = number
    versions.count += 1
  }

  // MARK: - Then: copying and publishing

  /// Copies and publishes what was added, and gives back what was not needed.
  ///
  /// - Parameter protected: The pages whose protection vouches for their content.
  @_noLocks
  mutating func finish(protected: Range<Int>) {
    if copiedPages > 0 { copy() }
    if versions.count > 0 {
      // After copying, before publishing: whoever reads a copy that is wrong finds the region void.
      unsafe region.pointee.confirmProtection(of: protected)
      publish()
      unsafe region.pointee.append(versions)
      count()
    }
    unsafe region.pointee.store.pointee.deallocateRecords(records)
    unsafe region.pointee.store.pointee.pages.deallocate(slots)
  }

  @_noLocks
  private func copy() {
    let pageSize = unsafe region.pointee.pageSize
    let store = unsafe region.pointee.store
    let goesPastCache = copiedPages >= PreserveBatch.leastPagesPastCache
    var number = versions.first
    while number != 0 {
      let record = unsafe store.pointee.record(number)
      number = unsafe record.pointee.next
      let location = VersionLocation(bits: unsafe record.pointee.location.load(ordering: .relaxed))
      guard let slot = location.slot else { continue }
      let source = unsafe region.pointee.address(ofPage: Int(record.pointee.page))
      let target = unsafe store.pointee.pages.address(of: slot)
      if goesPastCache {
        // The pages of a batch are neighbours.
        Kernel.copyPastCache(
          from: source, to: target, next: source + UInt(pageSize), count: pageSize)
      } else {
        Kernel.copyBytes(from: source, to: target, count: pageSize)
      }
    }
    if goesPastCache { Kernel.finishCopiesPastCache() }
  }

  @_noLocks
  private func publish() {
    var number = versions.first
    while number != 0 {
      let record = unsafe region.pointee.store.pointee.record(number)
      let page = Int(unsafe record.pointee.page)
      unsafe publish(page, region.pointee.table.word(page), newestVersion: number)
      number = unsafe record.pointee.next
    }
  }

  @_noLocks
  private func publish(_ page: Int, _ word: PageWord, newestVersion: UInt32) {
    unsafe region.pointee.table.raiseGroup(of: page, to: epoch)
    unsafe region.pointee.table.publish(
      page, word.preserved(in: epoch, newestVersion: newestVersion))
  }

  @_noLocks
  private func count() {
    unsafe region.pointee.counters.count(copies: copiedPages, cause)
    if zeroPages > 0 {
      unsafe region.pointee.counters.zeroPages.add(zeroPages, ordering: .relaxed)
    }
    let inViews = viewPages + furtherViewPages
    if inViews > 0 {
      unsafe region.pointee.counters.pagesCopiedByViews.add(inViews, ordering: .relaxed)
    }
    // With a limit, slots were counted as they were taken.
    let uncounted = inViews + (isLimited ? 0 : copiedPages)
    guard uncounted > 0 else { return }
    let kept = unsafe region.pointee.preservedPages.add(uncounted, ordering: .relaxed).newValue
    unsafe region.pointee.counters.notePreserved(kept)
  }
}
