internal import Synchronization
package import SystemPackage

/// Makes the kernel refuse, for tests: of everything that a process acquires from now on, one fails.
/// Has no effect in release builds.
package enum ForcedFailure {
  /// How many acquisitions succeed before one fails; below zero: all do.
  private static let remaining = Atomic<Int>(-1)
  private static let errno = Atomic<Int32>(0)

  /// Whether the acquisition that was to fail has been reached.
  package static var hasHappened: Bool { remaining.load(ordering: .acquiring) < 0 }

  /// Lets `count` acquisitions succeed, fails the next with `error`, and lets all others succeed.
  package static func failAcquisition(after count: Int, with error: Errno) {
    errno.store(error.rawValue, ordering: .relaxed)
    remaining.store(count, ordering: .releasing)
  }

  /// Lets all acquisitions succeed.
  package static func end() { remaining.store(-1, ordering: .releasing) }

  /// Called before the kernel is asked for a descriptor, a mapping, a registration or a thread.
  static func check() throws(Errno) {
    #if DEBUG
      var seen = remaining.load(ordering: .acquiring)
      while seen >= 0 {
        let (exchanged, original) = remaining.compareExchange(
          expected: seen, desired: seen - 1, ordering: .acquiringAndReleasing)
        if exchanged {
          if seen == 0 { throw Errno(rawValue: errno.load(ordering: .relaxed)) }
          return
        }
        seen = original
      }
    #endif
  }
}
