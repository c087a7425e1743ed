internal import Synchronization

/// How a snapshot is being used: by how many operations and views, and whether it was released or
/// invalidated. Its versions stay until it is released and nobody uses it any more.
struct SnapshotUsage: ~Copyable {
  private let word = Atomic<UInt32>(0)

  private static var released: UInt32 { 1 << 31 }
  private static var invalidated: UInt32 { 1 << 30 }
  private static var consumed: UInt32 { 1 << 29 }
  private static var countMask: UInt32 { consumed - 1 }

  enum Refusal: Error {
    case released
    case invalidated
  }

  /// Acquiring and releasing throughout: what one user did to the snapshot's versions happens
  /// before whatever the one who drops them does.
  func begin(asConsumer: Bool = false) throws(Refusal) {
    var seen = word.load(ordering: .acquiring)
    while true {
      if seen & SnapshotUsage.released != 0 { throw .released }
      if seen & SnapshotUsage.consumed != 0, !asConsumer { throw .released }
      if seen & SnapshotUsage.invalidated != 0 { throw .invalidated }
      let (exchanged, original) = word.compareExchange(
        expected: seen, desired: seen + 1, ordering: .acquiringAndReleasing)
      if exchanged { return }
      seen = original
    }
  }

  /// Leaves the snapshot to one consumer, if nobody uses it: no other use can begin.
  func beginConsuming() -> Bool {
    word.compareExchange(
      expected: 0, desired: SnapshotUsage.consumed, ordering: .acquiringAndReleasing
    ).exchanged
  }

  /// True if the snapshot was released meanwhile and this was its last use: drop its versions.
  func end() -> Bool {
    let now = word.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue
    return now & SnapshotUsage.countMask == 0 && now & SnapshotUsage.released != 0
      && now & SnapshotUsage.invalidated == 0
  }

  /// True if nobody uses the snapshot, and it was neither released nor invalidated before: drop its
  /// versions.
  func release() -> Bool {
    let before = word.bitwiseOr(SnapshotUsage.released, ordering: .acquiringAndReleasing).oldValue
    return before & ~SnapshotUsage.consumed == 0
  }

  /// True if nobody uses or has released the snapshot: drop its versions.
  func invalidate() -> Bool {
    let seen = word.load(ordering: .acquiring) & SnapshotUsage.consumed
    return word.compareExchange(
      expected: seen, desired: seen | SnapshotUsage.invalidated, ordering: .acquiringAndReleasing
    ).exchanged
  }

  /// Whether one consumer has it, or had it: it may lack versions of pages that were handed out.
  var isConsumed: Bool { word.load(ordering: .acquiring) & SnapshotUsage.consumed != 0 }

  var isInvalidated: Bool {
    word.load(ordering: .acquiring) & SnapshotUsage.invalidated != 0
  }

  /// Whether the snapshot was released and nobody uses it: no use can begin any more, and whoever
  /// released it, or used it last, is about to drop its versions.
  var isReleasedAndUnused: Bool {
    word.load(ordering: .acquiring) & ~SnapshotUsage.consumed == SnapshotUsage.released
  }

  var isInUse: Bool { word.load(ordering: .acquiring) & SnapshotUsage.countMask != 0 }

  var isReleased: Bool { word.load(ordering: .acquiring) & SnapshotUsage.released != 0 }
}
