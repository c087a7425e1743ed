internal import Synchronization

/// One preserved page content: the pre-image that serves every snapshot in (lower, `upper`].
///
/// Readers walk records without a lock and validate afterwards, so every field that they read is
/// atomic; relaxed suffices, because the page's word (release, acquire) publishes the record and
/// the unlink sequence validates the walk.
struct VersionRecord: ~Copyable {
  /// Epoch of the page's last preserving before this one, and above it the speculative bit.
  let lowerBits = Atomic<UInt64>(0)
  /// Epoch in which the page was first written to after the snapshots it serves.
  let upper = Atomic<UInt64>(0)
  /// Where the content is: see `VersionLocation`.
  let location = Atomic<UInt32>(0)
  /// The page's next older version, 0 for none.
  let older = Atomic<UInt32>(0)
  /// The page's next newer version, 0 for none. Under the page's claim.
  var newer: UInt32 = 0
  /// The page that this is a version of.
  var page: UInt32 = 0
  /// Set if the page was preserved on a guess: it may not have been written to since.
  static var speculativeBit: UInt64 {
    @_noLocks get { 1 << 63 }
  }

  /// Neighbours in the list of the snapshot that owns the version. Under the control lock.
  var next: UInt32 = 0
  var previous: UInt32 = 0

  var lower: UInt64 {
    @_noLocks get { lowerBits.load(ordering: .relaxed) & ~VersionRecord.speculativeBit }
  }

  var isSpeculative: Bool {
    @_noLocks get { lowerBits.load(ordering: .relaxed) & VersionRecord.speculativeBit != 0 }
  }
}

/// Where the content of a version is: a slot of the pool, a page of a view, or nowhere, because it
/// is all zeros.
struct VersionLocation: Equatable {
  let bits: UInt32

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
