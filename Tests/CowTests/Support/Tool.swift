import Foundation
import MemoryAccounting
import ScenarioSupport
import Testing

/// The built `cow`, run as a user would.
enum Tool {
  struct Result {
    let status: Int32
    let output: String
    let errors: String

    /// The lines on standard error.
    var errorLines: [Substring] { errors.split(separator: "\n") }
  }

  /// Where the products of the build are: beside this test.
  static let directory =
    URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()

  static let path = Products.path("cow")
  static let scenarios = Scenario.path

  static func run(_ arguments: String..., environment: [String: String] = [:]) throws -> Result {
    try run(program: path, arguments, environment: environment)
  }

  /// Runs the tool as an unprivileged user.
  static func run(as user: UInt32, _ arguments: String...) throws -> Result {
    try run(program: scenarios, ["as-user", "\(user)", path] + arguments)
  }

  static func run(
    program: String, _ arguments: [String], environment: [String: String] = [:]
  ) throws -> Result {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let output = Pipe.forProcess()
    let errors = Pipe.forProcess()
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = errors
    try process.start()
    // What is written to standard error here fits into a pipe.
    let written = output.fileHandleForReading.readDataToEndOfFile()
    let complaints = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return Result(
      status: process.terminationStatus, output: String(decoding: written, as: UTF8.self),
      errors: String(decoding: complaints, as: UTF8.self))
  }
}

/// Whether the kernel shows frame numbers to these tests, and so to the tool.
let showsFrames: Bool = {
  guard let own = try? ProcessTree(pids: [getpid()]) else { return false }
  return own.total.distinct.exactness == .exact
}()

/// Somebody without privilege.
let nobody: UInt32 = 65534

/// Whether tests can act as root, and as somebody without privilege who can run what was built.
let canActAsNobody: Bool = {
  guard getuid() == 0 else { return false }
  return (try? Tool.run(as: nobody, "--help").status) == 0
}()
