internal import Foundation
internal import MemorySnapshots
internal import Synchronization
internal import SystemPackage

/// A snapshot of a causal region, and what the oracle says about it.
final class CausalKept: StressKept {
  let snapshot: MemorySnapshot
  let checksums: [UInt64]
  let lanes: [StressLane]
  let written: [Int]
  let handOvers: [Int]
  let control: [UInt64]
  let view = StressGuarded<SnapshotView?>(nil)

  init(
    _ snapshot: MemorySnapshot, _ image: StressImage, _ arena: CausalArena, _ lanes: [StressLane],
    control: [UInt64]
  ) {
    self.snapshot = snapshot
    checksums = image.checksums
    self.lanes = lanes
    written = lanes.map { $0.newest(in: image) }
    handOvers = [0, 1].map { arena.handOver($0, image).count }
    self.control = control
  }

  private let gaveUp = Atomic<Bool>(false)

  func giveUp() {
    // Releasing: whoever finds the snapshot's pre-images gone sees why.
    gaveUp.store(true, ordering: .releasing)
    snapshot.release()
    closeView()
  }

  /// Whether somebody else has let the snapshot go.
  var isGone: Bool { gaveUp.load(ordering: .acquiring) || snapshot.isInvalidated }

  func closeView() {
    let gone = view.withLock { view in
      let gone = view
      view = nil
      return gone
    }
    // Closed outside the lock.
    _ = gone
  }
}

/// Takes snapshots of a causal region and checks all that can be done with them.
struct CausalController {
  let arena: CausalArena
  let thread: StressThread
  var random: StressRandom
  var image: StressImage
  private var patience: StressPatience
  /// What the control pages hold.
  var control: [UInt64]
  private static var mostKept: Int { 8 }

  init(_ arena: CausalArena, _ thread: StressThread, writers: [StressThread]) {
    self.arena = arena
    self.thread = thread
    random = StressRandom(seed: arena.seed &+ 99)
    image = StressImage(pages: arena.layout.pages)
    patience = StressPatience(with: random.chance(2) ? writers : [])
    control = [UInt64](repeating: 0, count: arena.layout.controlPages.count)
  }

  mutating func run() throws {
    while !arena.journal.isStopping {
      thread.beat()
      do {
        try step()
      } catch let error as SnapshotError
        where error.code == .invalidated || error.code == .released
      {
        _ = arena.shelf.takeAll { $0.snapshot.isInvalidated }
      }
    }
    _ = arena.shelf.takeAll()
  }

  private mutating func step() throws {
    let choice = random.below(100)
    guard choice >= 40, let kept = arena.shelf.choose(&random) else { return try takeOrDrop() }
    switch choice {
    case 40..<55: try readAgain(kept)
    case 55..<68: try view(kept)
    case 68..<74: release(kept)
    case 74..<77: try save(kept)
    case 77..<80: try consume(kept)
    case 80..<84: try restore(kept)
    case 84..<90: try compareChanges()
    default: try changeControlPages()
    }
  }

  private mutating func takeOrDrop() throws {
    if arena.shelf.isShort {
      sched_yield()
      return
    }
    if arena.shelf.count >= CausalController.mostKept, let gone = arena.shelf.choose(&random) {
      release(gone)
    }
    patience.wait(thread) { arena.journal.isStopping || arena.blocksWriters && arena.isFull }
    let lanes = arena.progress.withLock { $0.lanes }
    let snapshot = try arena.region.makeSnapshot()
    arena.journal.count { $0.snapshots += 1 }
    if random.chance(2) {
      let view = try snapshot.makeView()
      unsafe view.withUnsafeBytes { unsafe image.copy($0) }
      arena.journal.count { $0.views += 1 }
    } else {
      try image.read(snapshot)
      arena.journal.count { $0.reads += 1 }
    }
    if let violation = arena.violation(in: image, lanes, control: control) {
      arena.journal.report("\(arena.name), seed \(arena.seed): \(violation)")
    }
    arena.shelf.put(CausalKept(snapshot, image, arena, lanes, control: control))
  }

  /// Compares what was read just now with what the snapshot held when it was taken.
  func compare(_ kept: CausalKept, _ way: String) {
    if let position = zip(image.checksums, kept.checksums).map({ $0 == $1 }).firstIndex(of: false) {
      arena.journal.report(
        "\(arena.name), seed \(arena.seed): page \(image.pages[position]) of a snapshot has changed, "
          + "by \(way)")
    }
  }

  private mutating func readAgain(_ kept: CausalKept) throws {
    try image.read(kept.snapshot)
    compare(kept, "copyBytes")
    arena.journal.count { $0.reads += 1 }
  }

  /// Opens a view, or reads the one that is open and sometimes closes it.
  private mutating func view(_ kept: CausalKept) throws {
    let existing = kept.view.withLock { $0 }
    let view = try existing ?? kept.snapshot.makeView()
    unsafe view.withUnsafeBytes { unsafe image.copy($0) }
    compare(kept, "view")
    if random.chance(2) {
      kept.closeView()
    } else {
      kept.view.withLock { $0 = view }
    }
    arena.journal.count { $0.views += 1 }
  }

  mutating func release(_ kept: CausalKept) {
    guard arena.shelf.take(kept) else { return }
    // With an open view, memory goes when that is closed.
    if random.chance(2) { kept.snapshot.release() }
    arena.journal.count { $0.releases += 1 }
  }

  private mutating func save(_ kept: CausalKept) throws {
    let file = try StressFile(byteCount: arena.region.byteCount)
    try kept.snapshot.write(to: file.descriptor)
    try unsafe file.withMappedBytes { unsafe image.copy($0) }
    compare(kept, "write(to:)")
    arena.journal.count { $0.streams += 1 }
  }

  private mutating func consume(_ kept: CausalKept) throws {
    guard kept.view.withLock({ $0 == nil }), arena.shelf.take(kept) else { return }
    do throws(ClosureError<Never>) {
      try kept.snapshot.consume { bytes, range in
        unsafe bytes.withUnsafeBytes { unsafe image.copy($0, at: range.lowerBound) }
      }
    } catch {
      switch error {
      case .snapshot(let error): throw error
      }
    }
    compare(kept, "consume(_:)")
    arena.journal.count { $0.consumes += 1 }
  }
}
