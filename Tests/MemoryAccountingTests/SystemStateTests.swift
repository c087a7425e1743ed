import Foundation
import MemoryAccounting
import Testing

/// A file of /sys that a test writes to and puts back.
struct SystemSetting {
  private let path: String
  private let before: String

  /// Writes `value`; cancels the test where that is not possible.
  init(_ path: String, _ value: String) throws {
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

  func putBack() { try? Self.write(before, to: path) }

  private static func write(_ value: String, to path: String) throws {
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    try file.write(contentsOf: Data(value.utf8))
    try file.close()
  }
}

/// Known answers that need a state of the whole system, one after the other.
@Suite(
  "ProcessTree in a system with merged and swapped pages", .serialized,
  .enabled(if: seesFrames, "exact figures need CAP_SYS_ADMIN"))
struct SystemStateTests {
  @Test("2,560 equal pages are merged into 10 frames, and all would be copied")
  func mergedPages() throws {
    let directory = "/sys/kernel/mm/ksm/"
    var settings: [SystemSetting] = []
    defer { for setting in settings.reversed() { setting.putBack() } }
    for (name, value) in [
      ("max_page_sharing", "256"), ("pages_to_scan", "20000"), ("sleep_millisecs", "1"),
      ("run", "1"),
    ] {
      settings.append(try SystemSetting(directory + name, value))
    }
    let scenario = try Scenario("merged", "2560")
    let tree = try scenario.tree()
    #expect(
      pages(tree.processes[0].memory) == ["resident": 2560, "copyOnWrite": 2560, "merged": 2560])
    #expect(tree.total.distinct.pages == 10)
    #expect(tree.total.naive.pages == 2560)
    #expect(tree.total.couldStillCopy.pages == 2560)
  }

  @Test("swapped pages that a fork shares are one slot each, until one side writes")
  func swappedPages() throws {
    let swap = try SwapFile(megabytes: 32)
    defer { swap.remove() }
    let scenario = try Scenario("swap", "400")
    let shared = try scenario.tree()
    for process in shared.processes { #expect(pages(process.memory) == ["swapped": 400]) }
    #expect(shared.total.distinct.pages == 400)
    #expect(shared.total.naive.bytes == 0)
    #expect(shared.total.couldStillCopy.pages == 400)
    #expect(shared.total.copiesMade.bytes == 0)
    try scenario.next()
    let parted = try scenario.tree()
    #expect(
      pages(parted[scenario.root]?.memory)
        == ["resident": 200, "private": 200, "swapped": 200])
    #expect(pages(parted[scenario.children[0]]?.memory) == ["swapped": 400])
    #expect(parted[scenario.children[0]]?.diverged?.pages == 200)
    #expect(parted.total.copiesMade.pages == 200)
    #expect(parted.total.distinct.pages == 600)
    // Markers and guard pages look like swapped pages; with swap space they still are none.
    let marked = try Scenario("protected", "unpopulated", "100", "80").tree()
    #expect(marked.total.memory.swapped.bytes == 0)
    let guarded = try Scenario("protected", "guard", "100", "10").tree()
    #expect(guarded.total.memory.swapped.bytes == 0)
  }
}

/// A swap file in use.
struct SwapFile {
  private let path: String

  /// Makes the file and swaps to it; cancels the test where that is not possible.
  init(megabytes: Int) throws {
    path = FileManager.default.temporaryDirectory
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

  func remove() {
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
