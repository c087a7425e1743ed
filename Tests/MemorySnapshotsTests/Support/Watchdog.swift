import Dispatch
import Foundation
import Synchronization
import Testing

/// Ends a process of the test's own that does not come on, saying what it was about.
final class Watchdog: Sendable {
  private let beats = DispatchSemaphore(value: 0)
  private let about = Mutex("")
  private static var patience: DispatchTimeInterval { .seconds(runsLongTests ? 60 : 30) }

  init() {
    let thread = Thread { [self] in watch() }
    thread.start()
  }

  func beat(_ about: @autoclosure () -> String) {
    let text = about()
    self.about.withLock { $0 = text }
    beats.signal()
  }

  private func watch() {
    while beats.wait(timeout: .now() + Watchdog.patience) == .success {}
    let text = about.withLock { $0 }
    Issue.record("hangs: \(text)")
    abort()
  }
}
