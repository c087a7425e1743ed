import Foundation
import ScenarioSupport
import Testing

/// What a second program, in another language, counts page by page (count.py).
package struct PageCount: Decodable, Sendable {
  /// One address space. Every figure is a number of pages, unless its name ends in `Bytes`.
  package struct Space: Decodable, Sendable, Equatable {
    package let pid: Int32
    package let parent: Int32
    package let resident: UInt64
    package let copyOnWrite: UInt64
    package let `private`: UInt64
    package let sharedAnonymous: UInt64
    package let unwrittenFile: UInt64
    package let zero: UInt64
    package let merged: UInt64
    package let shared: UInt64
    package let sharedReadOnly: UInt64
    package let swapped: UInt64
    package let protected: UInt64
    package let swappedShared: UInt64
    package let hugetlb: UInt64
    /// Pages of the page cache, and of shared memory, whatever maps them.
    package let file: UInt64
    package let sharedMemory: UInt64
    /// Pages that nobody else maps: USS.
    package let unique: UInt64
    /// Each page divided by the number of those who map it: PSS.
    package let proportionalBytes: UInt64
    package let swapProportionalBytes: UInt64
    /// Anonymous pages in memory that nobody else maps; those and the ones of shared memory.
    package let freed: UInt64
    package let freedAtMost: UInt64
    /// The same of the process and all that descend from it; and the pages that they have.
    package let tree: UInt64
    package let treeSwap: UInt64
    package let treeFreed: UInt64
    package let treeFreedAtMost: UInt64
    /// Pages that are not the parent's at the same address; nil unless both run one image.
    package let differing: UInt64?
    /// Pages where the parent has none.
    package let fresh: UInt64?
    /// /proc/PID/smaps_rollup.
    package let kernelBytes: [String: UInt64]
  }

  /// All of them together, each page once.
  package struct Total: Decodable, Sendable, Equatable {
    package let frames: UInt64
    package let `private`: UInt64
    package let sharedAnonymous: UInt64
    package let files: UInt64
    package let copyOnWrite: UInt64
    package let swap: UInt64
    package let naive: UInt64
    package let differing: UInt64
    package let couldStillCopy: UInt64
    /// What is known to differ even without seeing frames.
    package let certain: UInt64
  }

  package let processes: [Space]
  package let total: Total

  package static let pageSize = UInt64(getpagesize())

  /// Counts the processes, which must stand still.
  package init(_ pids: [Int32]) throws {
    let script = Bundle.module.path(forResource: "count", ofType: "py")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", try #require(script)] + pids.map(String.init)
    let output = Pipe.forProcess()
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    try process.start()
    let json = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "count.py failed")
    self = try JSONDecoder().decode(PageCount.self, from: json)
  }

  /// Why pages cannot be counted here; nil if they can.
  package static let obstacle: String? = {
    guard getuid() == 0 else { return "root, which sees frame numbers" }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [
      "python3", "-c", "import sys; sys.exit(sys.version_info < (3, 9))",
    ]
    process.standardError = FileHandle.nullDevice
    guard (try? process.start()) != nil else { return "env(1)" }
    process.waitUntilExit()
    return process.terminationStatus == 0 ? nil : "python3, 3.9 or newer"
  }()
}
