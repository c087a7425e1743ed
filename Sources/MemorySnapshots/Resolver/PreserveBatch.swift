internal import Synchronization

/// Pages that one thread preserves together: first each gets a version, then all are copied, then
/// all are published. What other processors must hear of (slots taken, counters, the list of
/// versions) is told once for all of them, and not between two copies.
///
/// The caller has passed the gate and holds the pages' claims; it un-protects them afterwards.
struct PreserveBatch {
  let region: Reference<RegionState>
  let cause: PreserveCause
  private let epoch: UInt64
  var versions = VersionList()
  private var records = SlotSet()
  private var slots = SlotSet()
  var copiedPages = 0
  var zeroPages = 0
  private var viewPages = 0
  private var furtherViewPages = 0

  /// From this many pages on, a copy would push more out of the cache than it is worth there.
  private static var leastPagesPastCache: Int {
    @_noLocks get { 8 }
  }

  @_noLocks
  init(_ region: Reference<RegionState>, _ cause: PreserveCause) {
    self.region = region
    self.cause = cause
    // Relaxed: the epochs change only while the gate is closed, and the caller has passed it.
    epoch = region.value.timeline.epoch.load(ordering: .relaxed)
  }

  // MARK: - First: making versions

  /// Adds a page whose word was `word`, with the claim that the caller holds by now. False if there
  /// is no memory for a pre-image: nothing has changed then.
  ///
  /// - Parameter expected: How many pages, with this one, the caller means to add.
  @_noLocks
  mutating func add(_ page: Int, _ word: PageWord, expected: Int) -> Bool {
    guard region.value.timeline.newestLiveEpoch.load(ordering: .relaxed) > word.preserved else {
      region.value.versions.publish(
        page, word, in: epoch, newestVersion: word.newestVersion)
      return true
    }
    if records.count == 0 {
      records = region.value.store.value.allocateRecords(
        upTo: min(expected, SlotSet.capacity))
      guard records.count > 0 else { return false }
    }
    guard let location = location(ofPage: page, preserved: word.preserved, expected: expected),
      let slot = records.removeFirst()
    else { return false }
    // Records are numbered from 1 on.
    region.value.versions.add(
      slot + 1, version(ofPage: page, word, location), of: page, word, in: epoch, to: &versions)
    return true
  }

  /// Finds a place for the content of a page where a snapshot can read it. A view that needs the page
  /// makes the copy itself, now, and its private page serves every snapshot in the interval.
  @_noLocks
  private mutating func location(
    ofPage page: Int, preserved: UInt64, expected: Int
  ) -> VersionLocation? {
    let mayHold = region.value.views.mayHoldVersions
    if mayHold, let view = touchViews(ofPage: page, preserved: preserved, holdsVersion: true) {
      region.value.views.entry(view).value.heldVersions.add(1, ordering: .relaxed)
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
    let source = region.value.layout.address(ofPage: page)
    if !copiesIfReadable, Kernel.isZero(source, count: region.value.layout.pageSize) {
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
    for position in 0..<region.value.views.countCopiedByKernel {
      let index = region.value.views.viewCopiedByKernel(position)
      let view = region.value.views.entry(index)
      guard view.value.epoch > preserved else { continue }
      Kernel.touch(view.value.address + UInt(page * region.value.layout.pageSize))
      if holdsVersion, holder == nil {
        holder = index
      } else {
        view.value.ownPages.add(1, ordering: .relaxed)
        furtherViewPages += 1
      }
    }
    return holder
  }

  /// Takes slots: one by one where there is a limit to the pages preserved, which counts each at once.
  @_noLocks
  private mutating func takeSlots(upTo expected: Int) {
    guard region.value.storeLimit.isLimited else {
      slots = region.value.store.value.allocatePages(
        upTo: min(expected, SlotSet.capacity))
      return
    }
    guard let kept = region.value.storeLimit.reservePage(isGuess: cause.isGuess) else { return }
    slots = region.value.store.value.allocatePages(upTo: 1)
    if slots.count > 0 {
      region.value.counters.notePreserved(kept)
    } else {
      region.value.storeLimit.remove(pages: 1)
      region.value.storeLimit.noteUnusedRoom()
    }
  }

  @_noLocks
  private func version(
    ofPage page: Int, _ word: PageWord, _ location: VersionLocation
  ) -> Version {
    let untracked = region.value.protection.slices.untrackedEpoch(ofArmedSliceWithPage: page)
    return Version(
      location: location, lower: max(word.preserved, untracked), isGuess: cause.isGuess)
  }

  // MARK: - Then: copying and publishing

  /// Copies and publishes what was added, and gives back what was not needed.
  ///
  /// - Parameter protected: The pages whose protection vouches for their content.
  @_noLocks
  mutating func finish(protected: Range<Int>) {
    if copiedPages > 0, !copiesIfReadable { copy() }
    if versions.count > 0 {
      // After copying, before publishing: whoever reads a copy that is wrong finds the region void.
      region.value.protection.confirm(protected)
      region.value.versions.publish(versions, in: epoch)
      region.value.versions.push(versions)
      count()
    }
    region.value.store.value.deallocateRecords(records)
    region.value.store.value.pages.deallocate(slots)
  }

  @_noLocks
  private func copy() {
    let pageSize = region.value.layout.pageSize
    let store = region.value.store
    let goesPastCache = copiedPages >= PreserveBatch.leastPagesPastCache
    var number = versions.first
    while number != 0 {
      let record = region.value.versions.record(number)
      number = record.value.next
      guard let slot = record.value.location.slot else { continue }
      let source = region.value.layout.address(ofPage: Int(record.value.page))
      let target = store.value.pages.address(of: slot)
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
  private func count() {
    region.value.counters.count(copies: copiedPages, cause)
    if zeroPages > 0 {
      region.value.counters.zeroPages.add(zeroPages, ordering: .relaxed)
    }
    let inViews = viewPages + furtherViewPages
    if inViews > 0 {
      region.value.counters.pagesCopiedByViews.add(inViews, ordering: .relaxed)
    }
    // With a limit, slots were counted as they were taken.
    let uncounted = inViews + (region.value.storeLimit.isLimited ? 0 : copiedPages)
    guard uncounted > 0 else { return }
    let kept = region.value.storeLimit.add(pages: uncounted)
    region.value.counters.notePreserved(kept)
  }
}
