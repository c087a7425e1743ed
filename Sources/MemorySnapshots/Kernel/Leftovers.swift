internal import Glibc
internal import Synchronization

/// Ranges that the kernel would not unmap, to be tried again whenever something is unmapped.
///
/// Neighbouring mappings are one to the kernel. Unmapping the middle of it makes two, and fails with
/// ENOMEM where that is one more than `vm.max_map_count`. The range then costs address space alone:
/// its pages are given back, and nobody uses it.
///
/// Neither allocates nor waits for ever: the keeper unmaps while it holds the lock of the registry, and
/// a forked child may find this one's lock held by nobody.
struct Leftovers: ~Copyable, Sendable {
  /// Made before anything is mapped, see `Kernel.map`: its first use allocates.
  static let shared = Leftovers()

  private struct Ranges: Sendable {
    let entries = FixedArray(count: Leftovers.capacity) { 0..<UInt(0) }
    /// The process that they are of: a forked child does not inherit them, and may have mapped something
    /// else there.
    var process: pid_t = 0
    /// The next to be tried.
    var turn = 0
  }

  private let ranges: FutexLock<Ranges>
  /// Changes under the lock. Relaxed: a glance at it, so that no lock is taken for nothing.
  private let count = Atomic<Int>(0)

  /// Neighbours are one. What is more than these stays mapped for ever.
  private static var capacity: Int { 1024 }
  private static var attempts: Int { 4 }
  private static var turnsForLock: Int { 1000 }

  private init() {
    ranges = FutexLock(Ranges())
  }

  /// Takes note of a range of this process that is still mapped.
  func add(_ range: Range<UInt>) {
    for _ in 0..<Leftovers.turnsForLock {
      if ranges.withLockIfAvailable({ ranges in add(range, to: &ranges) }) != nil { return }
      Kernel.yield()
    }
  }

  private func add(_ range: Range<UInt>, to ranges: inout Ranges) {
    if ranges.process != getpid() {
      ranges.process = getpid()
      count.store(0, ordering: .relaxed)
    }
    var range = range
    var known = count.load(ordering: .relaxed)
    var index = 0
    while index < known {
      let other = ranges.entries[index]
      if other.upperBound == range.lowerBound || other.lowerBound == range.upperBound {
        range =
          min(other.lowerBound, range.lowerBound)..<max(other.upperBound, range.upperBound)
        known -= 1
        ranges.entries[index] = ranges.entries[known]
      } else {
        index += 1
      }
    }
    if known < Leftovers.capacity {
      ranges.entries[known] = range
      known += 1
    }
    count.store(known, ordering: .relaxed)
  }

  /// Tries a few of them again.
  func retry() {
    guard count.load(ordering: .relaxed) > 0 else { return }
    // Another thread that has the lock tries them now, or had it when the process was forked.
    _ = ranges.withLockIfAvailable { ranges in
      guard ranges.process == getpid() else { return }
      var known = count.load(ordering: .relaxed)
      for _ in 0..<min(Leftovers.attempts, known) {
        let index = ranges.turn % known
        let range = ranges.entries[index]
        if Kernel.tryToUnmap(range.lowerBound, range.count) {
          known -= 1
          ranges.entries[index] = ranges.entries[known]
          if known == 0 { break }
        } else {
          ranges.turn = index + 1
        }
      }
      count.store(known, ordering: .relaxed)
    }
  }
}
