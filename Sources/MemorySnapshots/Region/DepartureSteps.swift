internal import Synchronization

/// How many versions of a departing snapshot are looked at while the control lock is held once, some
/// 40 µs. Tests make that fewer, and do something between two steps; in debug builds alone.
package enum DepartureSteps {
  #if DEBUG
    /// In a structure: a function by itself would be wrapped once more each time the lock is taken.
    private struct Body: Sendable {
      var call: @Sendable () -> Void = {}
    }

    private static let versions = Atomic<Int>(512)
    private static let body = FutexLock(Body())

    static var length: Int { versions.load(ordering: .relaxed) }

    /// Makes steps shorter, and calls `body` after each but the last, in the thread that releases.
    package static func shorten(to versions: Int, between body: @escaping @Sendable () -> Void) {
      self.versions.store(versions, ordering: .relaxed)
      self.body.withLock { $0.call = body }
    }

    static func callHook() {
      let body = body.withLock { $0 }
      body.call()
    }
  #else
    static var length: Int { 512 }

    static func callHook() {}
  #endif
}
