internal import Synchronization
internal import SystemPackage

/// The versions of a region's pages. Each page's word leads to its newest version, and each version to
/// the next older one: a chain. Each version also is in the list of the snapshot that owns it, or among
/// those made since the newest snapshot.
///
/// A version comes into being in this order: `add` fills its record in, its content is copied, `publish`
/// makes its page lead to it, `push` puts it among the new ones. Readers `find` versions without a lock.
/// One that no snapshot needs is unlinked, under the control lock.
struct VersionChains: ~Copyable, Sendable {
  /// The pages' words, where the chains begin.
  let table: PageTable
  /// Where records are kept.
  let store: Reference<PreimageStore>
  /// Threads that wait for a page's claim, or for links that are being changed.
  let waiters = BriefWaiters()
  /// Tells readers that links have changed under them.
  let links = SequenceLock()

  /// The versions made since the newest live snapshot: a stack that resolvers push to, taken by
  /// the control side while the gate is closed.
  private let newest = Atomic<UInt32>(0)
  private let oldestNew = Atomic<UInt32>(0)
  let newCount = Atomic<Int>(0)

  init(pageCount: Int, _ store: Reference<PreimageStore>) throws(Errno) {
    table = try PageTable(pageCount: pageCount)
    self.store = store
  }

  deinit { waiters.deallocate() }

  @_noLocks
  func record(_ number: UInt32) -> Reference<VersionRecord> { store.value.record(number) }

  // MARK: - Making versions, with the pages' claims

  /// Fills in the record of a page's new version, in front of the chain that `word` leads to, and adds it
  /// to a list of the caller's.
  ///
  /// - Parameter epoch: The one that the page is preserved in.
  @_noLocks
  func add(
    _ number: UInt32, _ version: Version, of page: Int, _ word: PageWord, in epoch: UInt64,
    to list: inout VersionList
  ) {
    let record = record(number)
    // A reader that still walks the record's last life sees the unlinking before any of this.
    atomicMemoryFence(ordering: .releasing)
    let older = word.newestVersion
    record.value.describe(version, page: page, upper: epoch)
    record.value.older.store(older, ordering: .relaxed)
    record.value.newer = 0
    if older != 0 { self.record(older).value.newer = number }
    record.value.next = 0
    record.value.previous = list.last
    if list.count == 0 {
      list.first = number
    } else {
      self.record(list.last).value.next = number
    }
    list.last = number
    list.count += 1
  }

  /// Takes versions back that were added and not published, from `number` to the end of the list.
  @_noLocks
  func takeBack(from number: UInt32, of list: inout VersionList) {
    let last = record(number).value.previous
    var number = number
    while number != 0 {
      let next = record(number).value.next
      let older = record(number).value.older.load(ordering: .relaxed)
      if older != 0 { record(older).value.newer = 0 }
      store.value.deallocateRecord(number)
      list.count -= 1
      number = next
    }
    list.last = last
    if last == 0 {
      list.first = 0
    } else {
      record(last).value.next = 0
    }
  }

  /// Makes pages lead to their new versions, whose content has been copied.
  @_noLocks
  func publish(_ list: VersionList, in epoch: UInt64) {
    var number = list.first
    while number != 0 {
      let record = record(number)
      let page = Int(record.value.page)
      publish(page, table.word(page), in: epoch, newestVersion: number)
      number = record.value.next
    }
  }

  /// Says that a page is preserved in an epoch, be it by a version or because none is needed.
  @_noLocks
  func publish(_ page: Int, _ word: PageWord, in epoch: UInt64, newestVersion: UInt32) {
    table.raiseGroup(of: page, to: epoch)
    table.store(page, word.preserved(in: epoch, newestVersion: newestVersion))
  }

  // MARK: - Owning versions

  /// Pushes versions on the stack of those made since the newest live snapshot. Each one's
  /// `previous` is written by the one thread that pushes next; both ends are read only while the
  /// gate is closed, which orders them.
  @_noLocks
  func push(_ list: VersionList) {
    let last = record(list.last)
    var head = newest.load(ordering: .relaxed)
    while true {
      last.value.next = head
      // Releasing and acquiring: what was written to a record above comes before what whoever
      // pushes next writes to it below.
      let (exchanged, original) = newest.compareExchange(
        expected: head, desired: list.first, ordering: .acquiringAndReleasing)
      if exchanged { break }
      head = original
    }
    if head == 0 {
      oldestNew.store(list.last, ordering: .relaxed)
    } else {
      record(head).value.previous = list.last
    }
    newCount.add(list.count, ordering: .relaxed)
  }

  /// The versions made since the newest live snapshot. Gate closed.
  var new: VersionList {
    VersionList(
      first: newest.load(ordering: .relaxed), last: oldestNew.load(ordering: .relaxed),
      count: newCount.load(ordering: .relaxed))
  }

  /// Takes the versions made since the newest live snapshot. Gate closed, control lock held.
  func takeNew() -> VersionList {
    let list = new
    newest.store(0, ordering: .relaxed)
    oldestNew.store(0, ordering: .relaxed)
    newCount.store(0, ordering: .relaxed)
    return list
  }

  /// Puts all of `other` behind a list. Control lock held, as for all changes of a snapshot's list.
  func append(_ other: VersionList, to list: inout VersionList) {
    guard other.count > 0 else { return }
    if list.count == 0 {
      list = other
      return
    }
    record(list.last).value.next = other.first
    record(other.first).value.previous = list.last
    list.last = other.last
    list.count += other.count
  }

  func remove(_ number: UInt32, from list: inout VersionList) {
    let record = record(number)
    let next = record.value.next
    let previous = record.value.previous
    if previous == 0 {
      list.first = next
    } else {
      self.record(previous).value.next = next
    }
    if next == 0 {
      list.last = previous
    } else {
      self.record(next).value.previous = previous
    }
    list.count -= 1
  }

  // MARK: - Unlinking, control lock held

  /// Takes a version out of its page's chain, and gives its record back. Returns where its content is,
  /// which the caller gives back.
  func unlink(_ number: UInt32) -> VersionLocation {
    let record = record(number)
    let page = Int(record.value.page)
    let word = lock(page)
    let older = record.value.older.load(ordering: .relaxed)
    let newer = record.value.newer
    links.beginChange()
    if newer == 0 {
      table.store(page, word.claimed(.locked).with(newestVersion: older))
    } else {
      self.record(newer).value.older.store(older, ordering: .relaxed)
    }
    if older != 0 { self.record(older).value.newer = newer }
    links.endChange()
    table.store(page, table.word(page).claimed(.free))
    waiters.wake()
    let location = record.value.location
    store.value.deallocateRecord(number)
    return location
  }

  /// The next newer version of the same page, if it was made in one of `epochs`.
  func newerVersion(of number: UInt32, in epochs: Range<UInt64>) -> UInt32? {
    let record = record(number)
    let page = Int(record.value.page)
    let word = lock(page)
    let newer = record.value.newer
    table.store(page, word)
    waiters.wake()
    guard newer != 0 else { return nil }
    let upper = self.record(newer).value.upper.load(ordering: .relaxed)
    return epochs.contains(upper) ? newer : nil
  }

  /// Takes the claim that keeps resolvers of the page out while its links are used. They hold theirs for
  /// a few pages' copying at most.
  private func lock(_ page: Int) -> PageWord {
    var wait = BriefWait(waiters)
    defer { wait.end() }
    while true {
      let word = table.word(page)
      if word.isFree, table.claim(page, seen: word, .locked) { return word }
      wait.next()
    }
  }

  // MARK: - Finding versions, without a lock

  /// How often a walk looks whether it has been overtaken by an unlinking.
  private static var stepsPerCheck: Int {
    @_noLocks get { 64 }
  }

  /// The oldest version of the page that serves a snapshot taken in `epoch`; `nil` if the page has not
  /// been written to since. The snapshot is in use, so that the version is not freed; the links on the
  /// way to it may change at any time.
  @_noLocks
  func find(_ page: Int, asOf epoch: UInt64) -> Version? {
    var wait = BriefWait(waiters)
    defer { wait.end() }
    while true {
      let change = links.beginReading()
      let word = table.word(page)
      if word.preserved < epoch { return nil }
      if change & 1 == 0, case .found(let version) = walk(word.newestVersion, epoch, change) {
        return version
      }
      wait.next()
    }
  }

  private enum Walk {
    case found(Version?)
    /// Links have changed meanwhile.
    case overtaken
  }

  @_noLocks
  private func walk(_ newest: UInt32, _ epoch: UInt64, _ change: UInt64) -> Walk {
    var number = newest
    var found: Version?
    var steps = 0
    while number != 0 {
      let record = record(number)
      if record.value.upper.load(ordering: .relaxed) < epoch { break }
      found = Version(
        location: record.value.location, lower: record.value.lower,
        isGuess: record.value.isGuess)
      number = record.value.older.load(ordering: .relaxed)
      steps += 1
      if steps % VersionChains.stepsPerCheck == 0, !links.isCurrent(change) { return .overtaken }
    }
    return links.isCurrent(change) ? .found(found) : .overtaken
  }

  /// Fetches the record that `find` begins with.
  func prefetch(_ page: Int) {
    let newest = table.word(page).newestVersion
    if newest != 0 { store.value.prefetchRecord(newest) }
  }
}
