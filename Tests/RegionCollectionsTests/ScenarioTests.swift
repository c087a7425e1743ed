import Foundation
import ScenarioSupport
import Testing

/// What needs a process of its own: Tests/HeapScenarios.
@Suite("Heaps across processes and under C libraries")
struct ScenarioTests {
  private func run(
    _ arguments: String..., from folder: String? = nil
  ) throws -> String {
    let process = Process()
    let path = folder.map { $0 + "/heap-scenarios" } ?? Products.path("heap-scenarios")
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    let output = Pipe.forProcess()
    process.standardOutput = output
    try process.start()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let text = String(decoding: data, as: UTF8.self)
    if process.terminationStatus == 69 { try Test.cancel("\(text)") }
    #expect(process.terminationStatus == 0, "\(text)")
    return text
  }

  @Test(
    "Lua's whole state rolls back to the middle of a program, which finishes again with the same result"
  )
  func lua() throws {
    #expect(try run("lua").hasPrefix("three times "))
  }

  @Test("SQLite's in-memory database rolls back with its prepared statements")
  func sqlite() throws {
    #expect(try run("sqlite").contains("after each roll-back"))
  }

  @Test("A reader of a snapshot that nothing else holds keeps it, in release builds as well")
  func temporaries() throws {
    #expect(try run("temporaries") == "15 rounds\n")
    guard let folder = ProcessInfo.processInfo.environment["MEMORY_SNAPSHOTS_RELEASE_BIN"] else {
      print("not in a release build: MEMORY_SNAPSHOTS_RELEASE_BIN names no folder of one")
      return
    }
    #expect(try run("temporaries", from: folder) == "15 rounds\n")
  }

  @Test("A heap that one process saved is opened by another, at another address")
  func files() throws {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("heap-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let written = try run("write", path)
    let read = try run("read", path)
    #expect(!written.isEmpty && !read.isEmpty)
    #expect(read.split(separator: " ").first != written.split(separator: "\n").first)
  }
}
