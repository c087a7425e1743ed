import Foundation
import Testing

/// A swap file in use.
package struct SwapFile {
  private let path: String

  /// Makes the file and swaps to it; cancels the test where that is not possible.
  package init(megabytes: Int) throws {
    path =
      FileManager.default.temporaryDirectory
      .appendingPathComponent("accounting-\(getpid()).swap").path
    _ = FileManager.default.createFile(
      atPath: path, contents: nil, attributes: [.posixPermissions: 0o600])
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    for _ in 0..<megabytes {
      try file.write(contentsOf: Data(repeating: 0, count: 1 << 20))
    }
    try file.close()
    guard try Self.run("mkswap", path) == 0, try Self.run("swapon", path) == 0 else {
      try? FileManager.default.removeItem(atPath: path)
      try Test.cancel("a swap file is not possible here")
    }
  }

  package func remove() {
    _ = try? Self.run("swapoff", path)
    try? FileManager.default.removeItem(atPath: path)
  }

  private static func run(_ arguments: String...) throws -> Int32 {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus
  }
}
