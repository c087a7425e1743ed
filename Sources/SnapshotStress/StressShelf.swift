internal import MemorySnapshots
internal import Synchronization

/// A snapshot that is kept for a while, with what it held when it was taken.
protocol StressKept: AnyObject, Sendable {
  var snapshot: MemorySnapshot { get }
  /// Lets the snapshot and whatever keeps it alive go, in whatever thread still uses it.
  func giveUp()
}

/// The snapshots that an arena keeps, oldest first. They can be given up by a thread that none of
/// the region's writers can hold up.
final class StressShelf<Kept: StressKept>: Sendable {
  private let kept = StressGuarded<[Kept]>([])
  private let short = Atomic<Bool>(false)

  /// Whether a writer waits for room, so that no snapshot may be taken for now.
  var isShort: Bool { short.load(ordering: .acquiring) }

  var count: Int { kept.withLock { $0.count } }

  func put(_ new: Kept) { kept.withLock { $0.append(new) } }

  func choose(_ random: inout StressRandom) -> Kept? {
    let number = random.number()
    return kept.withLock { $0.isEmpty ? nil : $0[number % $0.count] }
  }

  /// Two snapshots, the older one first.
  func chooseTwo(_ random: inout StressRandom) -> (Kept, Kept)? {
    let (first, second) = (random.number(), random.number())
    return kept.withLock { kept in
      guard kept.count >= 2 else { return nil }
      let earlier = first % (kept.count - 1)
      return (kept[earlier], kept[earlier + 1 + second % (kept.count - 1 - earlier)])
    }
  }

  /// False if it was gone already. Whoever takes a snapshot away lets it go outside the lock.
  func take(_ gone: Kept) -> Bool {
    kept.withLock { kept in
      guard let index = kept.firstIndex(where: { $0 === gone }) else { return false }
      kept.remove(at: index)
      return true
    }
  }

  func takeAll(where isGone: (Kept) -> Bool = { _ in true }) -> [Kept] {
    kept.withLock { kept in
      let gone = kept.filter(isGone)
      kept.removeAll(where: isGone)
      return gone
    }
  }

  /// Gives everything up, and keeps others from taking snapshots until `endRelief()`.
  func beginRelief() {
    short.store(true, ordering: .releasing)
    for gone in takeAll() { gone.giveUp() }
  }

  func endRelief() { short.store(false, ordering: .releasing) }
}
