internal import Foundation
internal import MemorySnapshots
internal import Synchronization
internal import SystemPackage

/// A view that can be kept beside its snapshot.
final class StressView: Sendable {
  let view: SnapshotView
  init(_ snapshot: MemorySnapshot) throws(SnapshotError) { view = try snapshot.makeView() }
}

/// Takes snapshots of a causal region and checks all that can be done with them.
struct CausalController {
  struct Kept {
    let snapshot: MemorySnapshot
    let checksums: [UInt64]
    let lanes: [StressLane]
    let written: [Int]
    let handOvers: [Int]
    let control: [UInt64]
    var view: StressView?
  }

  let arena: CausalArena
  var random: StressRandom
  var image: StressImage
  var kept: [Kept] = []
  /// What the control pages hold.
  var control: [UInt64]
  private static var mostKept: Int { 8 }

  init(_ arena: CausalArena) {
    self.arena = arena
    random = StressRandom(seed: arena.seed &+ 99)
    image = StressImage(pages: arena.layout.pages)
    control = [UInt64](repeating: 0, count: arena.layout.controlPages.count)
  }

  mutating func run() throws {
    while !arena.journal.isStopping {
      do {
        try step()
      } catch let error as SnapshotError where error.code == .invalidated {
        forgetInvalidated()
      }
    }
    kept = []
  }

  private mutating func step() throws {
    let choice = random.below(100)
    guard !kept.isEmpty, choice >= 40 else { return try takeOrDrop() }
    let index = random.below(kept.count)
    switch choice {
    case 40..<55: try readAgain(index)
    case 55..<68: try view(index)
    case 68..<74: release(index)
    case 74..<77: try save(index)
    case 77..<80: try consume(index)
    case 80..<84: try restore(index)
    case 84..<90: try compareChanges()
    default: try changeControlPages()
    }
  }

  private mutating func takeOrDrop() throws {
    if kept.count >= CausalController.mostKept { release(random.below(kept.count)) }
    let lanes = arena.progress.withLock { $0.lanes }
    let snapshot = try arena.region.makeSnapshot()
    arena.journal.count { $0.snapshots += 1 }
    if random.chance(2) {
      let view = try StressView(snapshot)
      unsafe view.view.withUnsafeBytes { unsafe image.copy($0) }
      arena.journal.count { $0.views += 1 }
    } else {
      try image.read(snapshot)
      arena.journal.count { $0.reads += 1 }
    }
    if let violation = arena.violation(in: image, lanes, control: control) {
      arena.journal.report("\(arena.name), seed \(arena.seed): \(violation)")
    }
    kept.append(
      Kept(
        snapshot: snapshot, checksums: image.checksums, lanes: lanes,
        written: lanes.map { $0.newest(in: image) },
        handOvers: [0, 1].map { arena.handOver($0, image).count }, control: control))
  }

  /// Compares what was read just now with what the snapshot held when it was taken.
  func compare(_ kept: Kept, _ way: String) {
    if let position = zip(image.checksums, kept.checksums).map({ $0 == $1 }).firstIndex(of: false) {
      arena.journal.report(
        "\(arena.name), seed \(arena.seed): page \(image.pages[position]) of a snapshot has changed, "
          + "by \(way)")
    }
  }

  private mutating func readAgain(_ index: Int) throws {
    try image.read(kept[index].snapshot)
    compare(kept[index], "copyBytes")
    arena.journal.count { $0.reads += 1 }
  }

  /// Opens a view, or reads the one that is open and sometimes closes it.
  private mutating func view(_ index: Int) throws {
    if kept[index].view == nil { kept[index].view = try StressView(kept[index].snapshot) }
    if let view = kept[index].view {
      unsafe view.view.withUnsafeBytes { unsafe image.copy($0) }
      compare(kept[index], "view")
    }
    if random.chance(2) { kept[index].view = nil }
    arena.journal.count { $0.views += 1 }
  }

  private mutating func release(_ index: Int) {
    let gone = kept.remove(at: index)
    // With an open view, memory goes when that is closed.
    if random.chance(2) { gone.snapshot.release() }
    arena.journal.count { $0.releases += 1 }
  }

  private mutating func save(_ index: Int) throws {
    let file = try StressFile(byteCount: arena.region.byteCount)
    try kept[index].snapshot.write(to: file.descriptor)
    try unsafe file.withMappedBytes { unsafe image.copy($0) }
    compare(kept[index], "write(to:)")
    arena.journal.count { $0.streams += 1 }
  }

  private mutating func consume(_ index: Int) throws {
    guard kept[index].view == nil else { return }
    let gone = kept.remove(at: index)
    try unsafe gone.snapshot.consume { bytes, range in
      unsafe image.copy(bytes, at: range.lowerBound)
    }
    compare(gone, "consume(_:)")
    arena.journal.count { $0.consumes += 1 }
  }

  private mutating func forgetInvalidated() {
    let before = kept.count
    kept.removeAll { $0.snapshot.isInvalidated }
    let gone = before - kept.count
    arena.journal.count { $0.invalidations += gone }
  }
}
