internal import Glibc
internal import MemorySnapshots
internal import Synchronization

/// Two threads that overwrite a region: first each page once, then pages at random, as many as they
/// are told to. One has the even pages, the other the odd ones, so that they do not race with each
/// other.
final class Overwriters: Sendable {
  private let region: MemoryRegion
  private let pageSize: Int
  private let finishedPasses = Atomic<Int>(0)
  private let written = Atomic<Int>(0)
  private let allowed = Atomic<Int>(0)
  private let isStopping = Atomic<Bool>(false)

  private static var threads: Int { 2 }
  private static var pause: UInt32 { 20 }

  init(_ region: MemoryRegion, pageSize: Int) {
    self.region = region
    self.pageSize = pageSize
  }

  /// Runs `body` while the threads write. They have ended when it returns or throws.
  func run(_ body: () throws -> Void) throws {
    let even = try WorkerThread { self.write(0) }
    let odd: WorkerThread
    do {
      odd = try WorkerThread { self.write(1) }
    } catch {
      isStopping.store(true, ordering: .relaxed)
      even.join()
      throw error
    }
    let result = Result { try body() }
    isStopping.store(true, ordering: .relaxed)
    even.join()
    odd.join()
    try result.get()
  }

  /// Waits until every page has been overwritten once.
  func waitForFirstPass() {
    // Acquiring: pairs with the end of the pass, although a snapshot would be right without.
    while finishedPasses.load(ordering: .acquiring) < Overwriters.threads {
      usleep(Overwriters.pause)
    }
  }

  /// Lets the threads overwrite `count` more pages.
  func allow(_ count: Int) { allowed.add(count, ordering: .relaxed) }

  /// Waits until at most `count` of the pages that were allowed are left to write.
  func wait(untilLeft count: Int) {
    while allowed.load(ordering: .relaxed) - written.load(ordering: .relaxed) > count {
      usleep(Overwriters.pause)
    }
  }

  var pagesWritten: Int { written.load(ordering: .relaxed) }

  private func write(_ thread: Int) {
    let pageCount = region.byteCount / pageSize
    var random = SplitMix(state: UInt64(thread))
    for page in stride(from: thread, to: pageCount, by: Overwriters.threads) {
      overwrite(page, random.next())
      if isStopping.load(ordering: .relaxed) { return }
    }
    finishedPasses.add(1, ordering: .releasing)
    let own = (pageCount - thread + Overwriters.threads - 1) / Overwriters.threads
    while !isStopping.load(ordering: .relaxed) {
      let mayWrite = written.load(ordering: .relaxed) < allowed.load(ordering: .relaxed)
      guard own > 0, mayWrite else {
        usleep(Overwriters.pause)
        continue
      }
      let choice = Int(truncatingIfNeeded: random.next() % UInt64(own))
      overwrite(thread + choice * Overwriters.threads, random.next())
      written.add(1, ordering: .relaxed)
    }
  }

  /// Gives each word of the page a value that it never had.
  private func overwrite(_ page: Int, _ seed: UInt64) {
    let start = unsafe region.baseAddress + page * pageSize
    for word in 0..<pageSize / 8 {
      unsafe start.storeBytes(
        of: seed &+ UInt64(word) &* 0x9E37_79B9_7F4A_7C15, toByteOffset: word * 8, as: UInt64.self)
    }
  }
}

/// SplitMix64 (Steele, Lea, Flood 2014): fast, and the same in every run.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
    return value ^ value >> 31
  }
}
