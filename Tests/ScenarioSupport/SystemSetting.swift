import Foundation
import Testing

/// Who may change the state of the system. A test that waits for its turn leaves its thread to others:
/// the one whose turn it is may need it.
private actor SystemState {
  static let shared = SystemState()
  private var isTaken = false
  private var waiters: [CheckedContinuation<Void, Never>] = []

  func take() async {
    guard isTaken else {
      isTaken = true
      return
    }
    await withCheckedContinuation { waiters.append($0) }
  }

  func giveBack() {
    if waiters.isEmpty { isTaken = false } else { waiters.removeFirst().resume() }
  }
}

/// Held by the one process on the host that may change the state of the system: somebody may run the
/// tests of another clone. A directory that everybody may open and nobody removes is locked.
private struct HostLock {
  private let directory: Int32

  /// Waits for its turn in a thread of its own. Does without where there is no such directory.
  static func take() async -> HostLock {
    await withCheckedContinuation { continuation in
      Thread.detachNewThread {
        let directory = unsafe open("/sys/kernel/mm", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        while directory >= 0, flock(directory, LOCK_EX) < 0, errno == EINTR {}
        continuation.resume(returning: HostLock(directory: directory))
      }
    }
  }

  func giveBack() {
    // Unlocked, not only closed: a child of fork(2) may still have the number.
    flock(directory, LOCK_UN)
    close(directory)
  }
}

/// Runs `body` while no other test changes the state of the system.
package func withSystemState<Result>(
  isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Result
) async throws -> Result {
  await SystemState.shared.take()
  let lock = await HostLock.take()
  do {
    let result = try await body()
    lock.giveBack()
    await SystemState.shared.giveBack()
    return result
  } catch {
    lock.giveBack()
    await SystemState.shared.giveBack()
    throw error
  }
}

/// A file of /sys that a test writes to and puts back.
package struct SystemSetting {
  private let path: String
  private let before: String

  /// Writes `value`; cancels the test where that is not possible.
  package init(_ path: String, _ value: String) throws {
    self.path = path
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      try Test.cancel("no \(path)")
    }
    // Choices are listed with the current one in brackets.
    let chosen = text.split(separator: "[").dropFirst().first?.split(separator: "]").first
    before = chosen.map(String.init) ?? text.trimmingCharacters(in: .whitespacesAndNewlines)
    do {
      try Self.write(value, to: path)
    } catch {
      try Test.cancel("cannot write to \(path): \(error)")
    }
  }

  package func putBack() { try? Self.write(before, to: path) }

  private static func write(_ value: String, to path: String) throws {
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    try file.write(contentsOf: Data(value.utf8))
    try file.close()
  }
}

/// Samepage merging, switched on as fast as it goes and put back with `putBack`.
package struct SamepageMerging {
  private var settings: [SystemSetting] = []

  /// Switches merging on; cancels the test where that is not possible.
  package init() throws {
    for (name, value) in [
      ("max_page_sharing", "256"), ("pages_to_scan", "20000"), ("sleep_millisecs", "1"),
      ("run", "1"),
    ] {
      settings.append(try SystemSetting("/sys/kernel/mm/ksm/" + name, value))
    }
  }

  /// Leaves what has been merged so, and merges no more: what is looked at twice is then the same.
  package func pause() throws { _ = try SystemSetting("/sys/kernel/mm/ksm/run", "0") }

  package func putBack() {
    // Unmerging first: the kernel forgets merged pages that are no longer used only when it scans.
    _ = try? SystemSetting("/sys/kernel/mm/ksm/run", "2")
    for setting in settings.reversed() { setting.putBack() }
  }
}
