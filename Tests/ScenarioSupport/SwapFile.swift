import Foundation
import Testing

/// A swap file in use.
package struct SwapFile {
  private let path: String

  /// Makes the file and swaps to it; cancels the test where that is not possible.
  package init(megabytes: Int) throws {
    path =
      FileManager.default.temporaryDirectory
      .appendingPathComponent("accounting-\(UUID().uuidString).swap").path
    _ = FileManager.default.createFile(
      atPath: path, contents: nil, attributes: [.posixPermissions: 0o600])
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    for _ in 0..<megabytes {
      try file.write(contentsOf: Data(repeating: 0, count: 1 << 20))
    }
    try file.close()
    guard try Self.run("mkswap", path).status == 0, try Self.run("swapon", path).status == 0 else {
      try? FileManager.default.removeItem(atPath: path)
      try Test.cancel("a swap file is not possible here")
    }
  }

  /// Records an issue if the kernel goes on swapping to it. Pages that come back are charged to the
  /// control groups of their processes, which may be at their limits for a moment.
  package func remove() {
    var errors = "swapoff was never run"
    for _ in 0..<100 {
      guard let outcome = try? Self.run("swapoff", path) else { continue }
      if outcome.status == 0 {
        try? FileManager.default.removeItem(atPath: path)
        return
      }
      errors = outcome.errors
    }
    Issue.record("\(path) stays in use: \(errors)")
  }

  private static func run(_ arguments: String...) throws -> (status: Int32, errors: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    process.standardOutput = FileHandle.nullDevice
    let errors = Pipe.forProcess()
    process.standardError = errors
    try process.start()
    let text = try errors.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: text, as: UTF8.self))
  }
}
