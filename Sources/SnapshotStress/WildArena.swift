internal import Foundation
internal import MemorySnapshots

/// A region that threads write to, roll back, discard and take snapshots of in no order at all.
/// Every word tells its own place, and a snapshot must read the same whenever and however it is read.
final class WildArena: StressArena {
  let name: String
  let region: MemoryRegion
  let seed: UInt64
  private let journal: StressJournal
  private let pageCount: Int
  private let shelf = StressShelf<Kept>()
  private static var mostKept: Int { 6 }
  private static var placesPerPage: Int { 8 }

  private final class Kept: StressKept {
    let snapshot: MemorySnapshot
    let checksums: [UInt64]

    init(_ snapshot: MemorySnapshot, _ checksums: [UInt64]) {
      self.snapshot = snapshot
      self.checksums = checksums
    }

    func giveUp() { snapshot.release() }
  }

  init(
    _ name: String, _ options: MemoryRegion.Options, _ journal: StressJournal, seed: UInt64
  ) throws(SnapshotError) {
    var random = StressRandom(seed: seed)
    self.name = name
    self.journal = journal
    self.seed = seed
    pageCount = 8 + random.below(120)
    region = try MemoryRegion(byteCount: pageCount * stressPageSize, options: options)
  }

  func makeThreads() -> [StressThread] {
    let writers = (0..<2).map { side in
      StressThread("writer \(side)") { try self.run(side, $0) }
    }
    let others = ["taker", "reader 0", "reader 1", "meddler"].enumerated().map { index, name in
      StressThread(name) { try self.run(2 + index, $0, writers) }
    }
    return writers + others + [makeChecker(journal)]
  }

  func beginRelief() { shelf.beginRelief() }
  func endRelief() { shelf.endRelief() }

  func finish() {
    _ = shelf.takeAll()
    checkIsIdle(journal)
  }

  private func run(
    _ role: Int, _ thread: StressThread, _ writers: [StressThread] = []
  ) throws {
    var random = StressRandom(seed: seed &+ UInt64(role))
    var patience = StressPatience(with: random.chance(2) ? writers : [])
    var image = StressImage(pages: Array(0..<pageCount))
    while !journal.isStopping {
      thread.beat()
      do {
        switch role {
        case 0, 1:
          write(&random, &image)
          if random.chance(8) { thread.rest() }
        case 2:
          patience.wait(thread) { journal.isStopping || blocksWriters && isFull }
          try take(&random, &image)
        case 3, 4: try read(&random, &image)
        default: try meddle(&random, &image)
        }
      } catch let error as SnapshotError
        where error.code == .released || error.code == .invalidated
      {
        // Released outside the lock, by the last who holds it.
        _ = shelf.takeAll { $0.snapshot.isInvalidated }
      }
    }
  }

  // MARK: - Words that tell their place

  private func place(_ random: inout StressRandom) -> Int {
    random.below(pageCount * WildArena.placesPerPage) * (stressPageSize / WildArena.placesPerPage)
  }

  private func word(_ number: UInt32, at place: Int) -> UInt64 {
    var mixer = StressRandom(seed: UInt64(number) << 32 ^ UInt64(place) ^ seed)
    return mixer.next() << 32 | UInt64(number)
  }

  private func violation(in image: StressImage) -> String? {
    let grain = stressPageSize / WildArena.placesPerPage
    for place in stride(from: 0, to: pageCount * stressPageSize, by: grain) {
      let found = image.word(at: place)
      if found != 0, found != word(UInt32(truncatingIfNeeded: found), at: place) {
        return "offset \(place) holds \(found), which was never written there"
      }
    }
    return nil
  }

  // MARK: - Roles

  private func write(_ random: inout StressRandom, _ image: inout StressImage) {
    let count = 1 + random.below(1 << random.below(10))
    // Sometimes page after page, where writers meet each other and what is preserved ahead of them.
    let sweep = random.chance(3) ? random.below(pageCount) : nil
    for number in 0..<count {
      let place = sweep.map { ($0 + number) % pageCount * stressPageSize } ?? place(&random)
      region.store(word(UInt32(truncatingIfNeeded: random.next()), at: place), at: place)
    }
    journal.count { $0.writes += count }
  }

  private func take(_ random: inout StressRandom, _ image: inout StressImage) throws {
    // Writers that block may hold up all but this thread, whose releases they wait for.
    if shelf.isShort {
      sched_yield()
      return
    }
    let snapshot = try region.makeSnapshot()
    journal.count { $0.snapshots += 1 }
    try image.read(snapshot)
    if let violation = violation(in: image) { report(violation) }
    if shelf.count >= WildArena.mostKept, let gone = shelf.choose(&random), shelf.take(gone) {
      if random.chance(2) { gone.snapshot.release() }
      journal.count { $0.releases += 1 }
    }
    shelf.put(Kept(snapshot, image.checksums))
  }

  private func read(_ random: inout StressRandom, _ image: inout StressImage) throws {
    guard let kept = shelf.choose(&random) else { return }
    switch random.below(8) {
    case 0:
      let file = try StressFile(byteCount: region.byteCount)
      try kept.snapshot.write(to: file.descriptor)
      try unsafe file.withMappedBytes { unsafe image.copy($0) }
      compare(image, kept, "write(to:)")
      journal.count { $0.streams += 1 }
    case 1..<4:
      let view = try kept.snapshot.makeView()
      unsafe view.withUnsafeBytes { unsafe image.copy($0) }
      compare(image, kept, "view")
      journal.count { $0.views += 1 }
    default:
      try image.read(kept.snapshot)
      compare(image, kept, "copyBytes")
      journal.count { $0.reads += 1 }
    }
  }

  private func meddle(_ random: inout StressRandom, _ image: inout StressImage) throws {
    let page = random.below(pageCount)
    let range = page * stressPageSize..<(page + 1) * stressPageSize
    switch random.below(4) {
    case 0:
      guard let kept = shelf.choose(&random) else { return }
      try region.restore(to: kept.snapshot)
      journal.count { $0.restores += 1 }
    case 1:
      try region.discard(range)
      journal.count { $0.discards += 1 }
    case 2:
      try region.prepareToWrite(range)
      journal.count { $0.prepares += 1 }
    default:
      guard random.chance(8), let kept = shelf.choose(&random) else { return }
      kept.snapshot.release()
    }
  }

  private func compare(_ image: StressImage, _ kept: Kept, _ way: String) {
    if let position = zip(image.checksums, kept.checksums).map({ $0 == $1 }).firstIndex(of: false) {
      report("page \(image.pages[position]) of a snapshot has changed, by \(way)")
    }
  }

  private func report(_ violation: String) {
    journal.report("\(name), seed \(seed): \(violation)")
  }
}
