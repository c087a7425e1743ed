internal import Foundation

/// Settings of the whole host that a run changes. They are put back by a shell that waits for the end
/// of this process, so also if that is interrupted or crashes.
final class HostSettings {
  private let shell = Process()
  private let lifeline = Pipe()

  /// - Parameter commands: Shell commands that put everything back, in order. None stops the others.
  init(puttingBackBy commands: [String]) throws {
    shell.executableURL = URL(fileURLWithPath: "/bin/sh")
    // Nobody writes to the pipe: reading from it ends when this process does. Signals of the terminal
    // are for this process alone.
    let script = ["trap '' HUP INT QUIT TERM", "echo ready", "read _"] + commands
    shell.arguments = ["-c", script.joined(separator: "\n")]
    shell.standardInput = lifeline
    let output = Pipe()
    shell.standardOutput = output
    shell.standardError = FileHandle.nullDevice
    try shell.run()
    // From here on, whatever is changed is put back.
    _ = output.fileHandleForReading.readData(ofLength: 5)
  }

  /// Puts everything back, and returns when that is done.
  func putBack() {
    try? lifeline.fileHandleForWriting.close()
    shell.waitUntilExit()
  }
}

/// A file of /sys to be changed.
struct HostSetting {
  let path: String
  let value: String
  let before: String

  /// - Throws: `StressRefusal` if there is no such file.
  init(_ path: String, _ value: String) throws {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw StressRefusal(.notOffered, "this kernel has no \(path)")
    }
    self.path = path
    self.value = value
    // Choices are listed with the current one in brackets.
    let chosen = text.split(separator: "[").dropFirst().first?.split(separator: "]").first
    before = chosen.map(String.init) ?? text.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  var puttingBack: String { "echo '\(before)' > \(path)" }

  func change() throws {
    do {
      let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
      try file.write(contentsOf: Data(value.utf8))
      try file.close()
    } catch {
      throw StressRefusal(.notPermitted, "\(path) cannot be written to; run this as root")
    }
  }
}

/// Why surroundings cannot be switched on.
package struct StressRefusal: Error, CustomStringConvertible {
  package enum Reason: Sendable {
    case notOffered
    case notPermitted
  }
  package let reason: Reason
  /// What is missing, in a sentence.
  package let description: String

  init(_ reason: Reason, _ description: String) {
    self.reason = reason
    self.description = description
  }
}
