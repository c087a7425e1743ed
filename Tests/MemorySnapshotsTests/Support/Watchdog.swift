import Foundation
import Synchronization
import Testing

/// Ends a process of the test's own that does not come on, saying what it was about.
final class Watchdog: Sendable {
  private let beats = Shared(0)
  private let about = Mutex("")
  private static var patience: Int { runsLongTests ? 60 : 30 }

  init() {
    let thread = Thread { [self] in watch() }
    thread.start()
  }

  func beat(_ about: @autoclosure () -> String) {
    let text = about()
    self.about.withLock { $0 = text }
    beats.increment()
  }

  private func watch() {
    var seen = -1
    var seconds = 0
    while true {
      sleep(1)
      seconds = beats.now == seen ? seconds + 1 : 0
      seen = beats.now
      guard seconds >= Watchdog.patience else { continue }
      let text = about.withLock { $0 }
      Issue.record("hangs: \(text)")
      abort()
    }
  }
}
