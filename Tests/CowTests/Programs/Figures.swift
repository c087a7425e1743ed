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
    let figures: [String: MemoryFigure] = [
      "distinctBytes": tree.total.distinct, "privateBytes": tree.total.private,
      "sharedAnonymousBytes": tree.total.sharedAnonymous, "fileBytes": tree.total.files,
      "copyOnWriteBytes": tree.total.copyOnWrite, "swapBytes": tree.total.swap,
      "naiveBytes": tree.total.naive, "differingBytes": tree.total.differing,
      "couldStillCopyBytes": tree.total.couldStillCopy,
    ]
    total = figures.compactMapValues(\.bytes)
    processes = Dictionary(
      uniqueKeysWithValues: tree.processes.map { process in
        let memory = process.memory
        let figures: [String: MemoryFigure?] = [
          "residentBytes": memory.resident, "uniqueBytes": memory.unique,
          "copyOnWriteBytes": memory.copyOnWrite, "privateBytes": memory.private,
          "sharedBytes": memory.shared, "sharedReadOnlyBytes": memory.sharedReadOnly,
          "hugetlbBytes": memory.hugetlb, "swappedBytes": memory.swapped,
          "swappedSharedBytes": memory.swappedShared,
          "userfaultProtectedBytes": memory.userfaultProtected,
          "sharedAnonymousBytes": memory.sharedAnonymous,
          "unwrittenFileBytes": memory.unwrittenFile, "zeroBytes": memory.zero,
          "mergedBytes": memory.merged, "differingBytes": process.differing,
          "freshBytes": process.fresh,
        ]
        return (process.id, figures.compactMapValues { $0?.bytes })
      })
  }

  /// Demands that the figures, but for the `unknown` ones, are those that were counted.
  func expectEqual(_ count: PageCount, except unknown: Set<String> = []) {
    #expect(exactness == "exact")
    #expect(Set(processes.keys) == Set(count.processes.map(\.pid)))
    for space in count.processes {
      let counted: [String: UInt64?] = [
        "residentBytes": space.resident, "uniqueBytes": space.unique,
        "copyOnWriteBytes": space.copyOnWrite, "privateBytes": space.private,
        "sharedBytes": space.shared, "sharedReadOnlyBytes": space.sharedReadOnly,
        "hugetlbBytes": space.hugetlb, "swappedBytes": space.swapped,
        "swappedSharedBytes": space.swappedShared, "userfaultProtectedBytes": space.protected,
        "sharedAnonymousBytes": space.sharedAnonymous,
        "unwrittenFileBytes": space.unwrittenFile, "zeroBytes": space.zero,
        "mergedBytes": space.merged, "differingBytes": space.differing, "freshBytes": space.fresh,
      ]
      let known = counted.filter { !unknown.contains($0.key) }
      expectEqual(processes[space.pid] ?? [:], known, "process \(space.pid)")
    }
    let counted: [String: UInt64?] = [
      "distinctBytes": count.total.frames, "privateBytes": count.total.private,
      "sharedAnonymousBytes": count.total.sharedAnonymous, "fileBytes": count.total.files,
      "copyOnWriteBytes": count.total.copyOnWrite, "swapBytes": count.total.swap,
      "naiveBytes": count.total.naive, "differingBytes": count.total.differing,
      "couldStillCopyBytes": count.total.couldStillCopy,
    ]
    expectEqual(total, counted, "the tree")
  }

  private func expectEqual(
    _ found: [String: UInt64], _ counted: [String: UInt64?], _ whose: String
  ) {
    for (name, pages) in counted.sorted(by: { $0.key < $1.key }) {
      #expect(found[name] == pages.map { $0 * PageCount.pageSize }, "\(name) of \(whose)")
    }
  }
}
