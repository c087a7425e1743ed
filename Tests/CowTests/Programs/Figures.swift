import Foundation
import MemoryAccounting
import PageCount
import Testing

/// The figures of `cow stat` or of the library under their names in JSON.
struct Figures {
  /// Those of a process, or of all together, in bytes.
  struct Group {
    var amounts: [String: UInt64] = [:]
    var estimates: Set<String> = []
    var bounds: Set<String> = []
  }

  let processes: [Int32: Group]
  let total: Group
  let exactness: String

  /// From the JSON of `cow stat`.
  init(json: String) throws {
    let root = try #require(
      try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    let listed = try #require(root["processes"] as? [[String: Any]])
    exactness = try #require(root["exactness"] as? String)
    total = Group(object: try #require(root["total"] as? [String: Any]))
    processes = Dictionary(
      uniqueKeysWithValues: try listed.map { process in
        (try #require(process["pid"] as? Int32), Group(object: process))
      })
  }

  /// From the library.
  init(_ tree: ProcessTree) {
    exactness = tree.total.exactness.rawValue
    total = Group(figures: [
      "distinctBytes": tree.total.distinct, "privateBytes": tree.total.private,
      "sharedAnonymousBytes": tree.total.sharedAnonymous, "fileBytes": tree.total.files,
      "copyOnWriteBytes": tree.total.copyOnWrite, "swapBytes": tree.total.swap,
      "naiveBytes": tree.total.naive, "differingBytes": tree.total.differing,
      "couldStillCopyBytes": tree.total.couldStillCopy,
    ])
    processes = Dictionary(
      uniqueKeysWithValues: tree.processes.map { process in
        let memory = process.memory
        let group = Group(figures: [
          "residentBytes": memory.resident, "uniqueBytes": memory.unique,
          "copyOnWriteBytes": memory.copyOnWrite, "privateBytes": memory.private,
          "sharedBytes": memory.shared, "sharedReadOnlyBytes": memory.sharedReadOnly,
          "hugetlbBytes": memory.hugetlb, "swappedBytes": memory.swapped,
          "swappedSharedBytes": memory.swappedShared,
          "userfaultProtectedBytes": memory.userfaultProtected,
          "sharedAnonymousBytes": memory.sharedAnonymous,
          "unwrittenFileBytes": memory.unwrittenFile, "zeroBytes": memory.zero,
          "mergedBytes": memory.merged, "differingBytes": process.differing,
          "freshBytes": process.fresh, "freedBytes": process.freed.certain,
          "freedAtMostBytes": process.freed.atMost, "treeBytes": process.subtree?.distinct,
          "treeSwapBytes": process.subtree?.swap,
          "treeFreedBytes": process.subtree?.freed.certain,
          "treeFreedAtMostBytes": process.subtree?.freed.atMost,
          "proportionalBytes": process.proportional?.resident,
          "swapProportionalBytes": process.proportional?.swapped,
        ])
        return (process.id, group)
      })
  }
}

extension Figures.Group {
  fileprivate init(object: [String: Any]) {
    amounts = object.filter { $0.key.hasSuffix("Bytes") }.compactMapValues { $0 as? UInt64 }
    estimates = Set(object["estimates"] as? [String] ?? [])
    bounds = Set(object["bounds"] as? [String] ?? [])
  }

  fileprivate init(figures: [String: MemoryFigure?]) {
    amounts = figures.compactMapValues { $0?.bytes }
    for (name, figure) in figures {
      if figure?.exactness == .estimate { estimates.insert(name) }
      if figure?.exactness == .bound { bounds.insert(name) }
    }
  }
}
