internal import Foundation

/// A value under a lock that ThreadSanitizer knows, which it does not `Synchronization.Mutex`.
///
/// Safe to share: the value is reached with the lock held alone.
final class StressGuarded<Value>: @unchecked Sendable {
  private let lock = NSLock()
  private var value: Value

  init(_ value: Value) { self.value = value }

  func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
    lock.lock()
    defer { lock.unlock() }
    return body(&value)
  }
}
