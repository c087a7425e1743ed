import Foundation
import Testing

/// A process, and what it started, whose memory is known to the page (Tests/AccountingScenarios).
/// All of it ends with the value.
package final class Scenario {
  private let process = Process()
  private let input = Pipe.forProcess()
  private let output = Pipe.forProcess()
  private var unread: [UInt8] = []
  private var values: [String: [[String]]] = [:]

  /// The program that builds scenarios: beside this test, as all products of the build.
  package static let path =
    URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    .appendingPathComponent("accounting-scenarios").path

  /// Starts a scenario and waits until it stands.
  package convenience init(_ arguments: String...) throws { try self.init(arguments, user: nil) }

  /// Starts a scenario as `user` and waits until it stands.
  package init(_ arguments: [String], user: UInt32? = nil) throws {
    process.executableURL = URL(fileURLWithPath: Self.path)
    process.arguments = (user.map { ["user", "\($0)"] } ?? []) + arguments
    process.standardInput = input
    process.standardOutput = output
    try process.start()
    try waitUntilReady()
  }

  deinit {
    try? input.fileHandleForWriting.close()
    process.waitUntilExit()
  }

  /// Goes on to the next stage, and waits until it stands.
  package func next() throws {
    try input.fileHandleForWriting.write(contentsOf: Data("\n".utf8))
    try waitUntilReady()
  }

  package var root: Int32 { pids("root")[0] }
  package var children: [Int32] { pids("child") }

  /// The memory that the scenario is about.
  package var range: Range<UInt64> { ranges("range")[0] }

  package func pids(_ key: String) -> [Int32] { (values[key] ?? []).compactMap { Int32($0[0]) } }

  package func ranges(_ key: String) -> [Range<UInt64>] {
    (values[key] ?? []).compactMap { words in
      guard let start = UInt64(words[0]), let end = UInt64(words[1]) else { return nil }
      return start..<end
    }
  }

  private func waitUntilReady() throws {
    while let line = try readLine() {
      let words = line.split(separator: " ").map(String.init)
      switch words[0] {
      case "ready": return
      case "skip": try Test.cancel("\(words.dropFirst().joined(separator: " "))")
      case "error": throw ScenarioError(message: line)
      default: values[words[0], default: []].append(Array(words.dropFirst()))
      }
    }
    throw ScenarioError(message: "the scenario ended before its time")
  }

  private func readLine() throws -> String? {
    while true {
      if let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
        let line = String(decoding: unread[..<end], as: UTF8.self)
        unread.removeSubrange(...end)
        return line
      }
      let data = output.fileHandleForReading.availableData
      if data.isEmpty { return nil }
      unread += data
    }
  }
}

package struct ScenarioError: Error {
  package let message: String
}
