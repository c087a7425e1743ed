import Foundation
import MemoryAccounting
import PageCount
import Testing

/// The figures of `cow stat` or of the library under their names in JSON.
struct Figures {
  let processes: [Int32: [String: UInt64]]
  let total: [String: UInt64]
  let exactness: String

  /// From the JSON of `cow stat`.
  init(json: String) throws {
    let root = try #require(
      try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    let listed = try #require(root["processes"] as? [[String: Any]])
    exactness = try #require(root["exactness"] as? String)
    total = Self.amounts(try #require(root["total"] as? [String: Any]))
    processes = Dictionary(
      uniqueKeysWithValues: try listed.map { process in
        (try #require(process["pid"] as? Int32), Self.amounts(process))
      })
  }

  /// The numbers of bytes.
  private static func amounts(_ object: [String: Any]) -> [String: UInt64] {
    object.filter { $0.key.hasSuffix("Bytes") }.compactMapValues { $0 as? UInt64 }
  }

  /// From the library.
  init(_ tree: ProcessTree) {
    exactness = tree.total.exactness.rawValue
    total = ["distinctBytes": tree.total.distinct].compactMapValues(\.bytes)
    processes = Dictionary(
      uniqueKeysWithValues: tree.processes.map { process in
        let memory = process.memory
        let figures: [String: MemoryFigure?] = [
          "residentBytes": memory.resident, "copyOnWriteBytes": memory.copyOnWrite,
          "privateBytes": memory.private, "sharedBytes": memory.shared,
          "swappedBytes": memory.swapped, "divergedBytes": process.diverged,
          "freshBytes": process.fresh,
        ]
        return (process.id, figures.compactMapValues { $0?.bytes })
      })
  }

  /// Demands that the figures are those that were counted.
  func expectEqual(_ count: PageCount, isWhole: Bool) {
    #expect(exactness == "exact")
    #expect(Set(processes.keys) == Set(count.processes.map(\.pid)))
    for space in count.processes {
      let expected: [String: UInt64?] = [
        "residentBytes": space.resident, "copyOnWriteBytes": space.copyOnWrite,
        "privateBytes": space.private, "sharedBytes": space.shared,
        "sharedReadOnlyBytes": space.sharedReadOnly,
        "sharedAnonymousBytes": space.sharedAnonymous,
        "unwrittenFileBytes": space.unwrittenFile, "zeroBytes": space.zero,
        "mergedBytes": space.merged, "swappedBytes": space.swapped,
        "userfaultProtectedBytes": space.protected, "divergedBytes": space.differ,
        "freshBytes": space.onlyHere,
      ]
      for (name, pages) in expected.sorted(by: { $0.key < $1.key }) {
        let found = processes[space.pid]?[name]
        if !isWhole, found == nil { continue }
        #expect(
          found == pages.map { $0 * PageCount.pageSize }, "\(name) of process \(space.pid)")
      }
    }
    let distinct = count.total.frames + count.total.swapSlots
    #expect(total["distinctBytes"] == distinct * PageCount.pageSize)
  }
}
