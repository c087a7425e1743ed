internal import Synchronization

/// One version of a page, its pre-image: what every snapshot in (lower, `upper`] sees.
///
/// Readers walk records without a lock and validate afterwards, so every field that they read is
/// atomic; relaxed suffices, because the page's word (release, acquire) publishes the record and
/// the sequence lock of the links validates the walk.
///
/// Safe to share: each variable says what guards it.
struct VersionRecord: ~Copyable, @unchecked Sendable {
  /// Epoch of the page's last preserving before this one, and above it the bit of a guess.
  fileprivate let lowerBits = Atomic<UInt64>(0)
  /// Epoch in which the page was preserved, at the first write after the snapshots that it serves or on
  /// a guess.
  let upper = Atomic<UInt64>(0)
  /// Where the content is: see `VersionLocation`.
  fileprivate let locationBits = Atomic<UInt32>(0)
  /// The page's next older version, 0 for none.
  let older = Atomic<UInt32>(0)
  /// The page's next newer version, 0 for none. Under the page's claim.
  var newer: UInt32 = 0
  /// The page that this is a version of. Written before it is published, and then no more.
  fileprivate(set) var page: UInt32 = 0

  /// Neighbours in the list that the version is in. Until it is pushed, they are the matter of the
  /// thread that makes it; `previous` once more of the next that pushes; from then on, of the control
  /// lock's holder.
  var next: UInt32 = 0
  var previous: UInt32 = 0

  private static var guessBit: UInt64 {
    @_noLocks get { 1 << 63 }
  }

  var lower: UInt64 {
    @_noLocks get { lowerBits.load(ordering: .relaxed) & ~VersionRecord.guessBit }
  }

  /// Set if the page was preserved on a guess: it may not have been written to since.
  var isGuess: Bool {
    @_noLocks get { lowerBits.load(ordering: .relaxed) & VersionRecord.guessBit != 0 }
  }

  var location: VersionLocation {
    @_noLocks get { VersionLocation(bits: locationBits.load(ordering: .relaxed)) }
    @_noLocks nonmutating set { locationBits.store(newValue.bits, ordering: .relaxed) }
  }

  /// Fills in what a version says of itself. Relaxed: the page's word publishes the record.
  @_noLocks
  mutating func describe(_ version: Version, page: Int, upper: UInt64) {
    let guess = version.isGuess ? VersionRecord.guessBit : 0
    lowerBits.store(version.lower | guess, ordering: .relaxed)
    self.upper.store(upper, ordering: .relaxed)
    locationBits.store(version.location.bits, ordering: .relaxed)
    self.page = UInt32(truncatingIfNeeded: page)
  }
}

/// What a reader needs to know of a version.
struct Version {
  let location: VersionLocation
  /// Epoch of the page's last preserving before this one.
  let lower: UInt64
  /// Whether the page was preserved on a guess.
  let isGuess: Bool

  @_noLocks
  init(location: VersionLocation, lower: UInt64, isGuess: Bool) {
    self.location = location
    self.lower = lower
    self.isGuess = isGuess
  }
}

/// Where the content of a version is: a slot of the pool, a page of a view, or nowhere, because it
/// is all zeros.
struct VersionLocation: Equatable {
  fileprivate let bits: UInt32

  @_noLocks
  init(bits: UInt32) { self.bits = bits }

  private static var viewBit: UInt32 { 1 << 31 }

  static var zero: VersionLocation {
    @_noLocks get { VersionLocation(bits: .max) }
  }

  @_noLocks
  static func slot(_ slot: UInt32) -> VersionLocation { VersionLocation(bits: slot) }

  @_noLocks
  static func view(_ index: Int) -> VersionLocation {
    VersionLocation(bits: viewBit | UInt32(truncatingIfNeeded: index))
  }

  var slot: UInt32? {
    @_noLocks get { bits & VersionLocation.viewBit == 0 ? bits : nil }
  }

  var viewIndex: Int? {
    @_noLocks get {
      bits & VersionLocation.viewBit != 0 && bits != .max
        ? Int(bits & ~VersionLocation.viewBit) : nil
    }
  }
}

/// A doubly linked list of versions, by the numbers of their records: those that a batch makes, that
/// one snapshot owns, or that are departing.
/// `VersionChains` changes it.
struct VersionList {
  var first: UInt32 = 0
  var last: UInt32 = 0
  var count = 0

  @_noLocks
  init() {}

  @_noLocks
  init(first: UInt32, last: UInt32, count: Int) {
    self.first = first
    self.last = last
    self.count = count
  }
}

extension Reference where Value == VersionRecord {
  @_noLocks @unsafe
  init(address: UInt) {
    unsafe pointer = UnsafeMutablePointer(bitPattern: address).unsafelyUnwrapped
  }

  var value: VersionRecord {
    @_noLocks unsafeAddress { unsafe UnsafePointer(pointer) }
    @_noLocks nonmutating unsafeMutableAddress { unsafe pointer }
  }
}
