import PageCount
import Testing

extension Figures {
  /// Demands that every figure that is said to be exact is what was counted, that those that are said
  /// to be bounds are not less, and that no estimate of what is used is less than what is certain.
  ///
  /// - Parameter unknown: figures that cannot be compared here.
  func expectConsistent(with count: PageCount, except unknown: Set<String> = []) {
    #expect(Set(processes.keys) == Set(count.processes.map(\.pid)))
    for space in count.processes {
      guard let group = processes[space.pid] else { continue }
      group.expectConsistent(
        with: Self.counted(space).filter { !unknown.contains($0.key) }, "process \(space.pid)")
      expectNear(group, "proportionalBytes", space.proportionalBytes)
      expectNear(group, "swapProportionalBytes", space.swapProportionalBytes)
    }
    total.expectConsistent(with: Self.counted(count.total), "the tree")
    #expect(
      total.amounts["distinctBytes"] ?? 0 >= count.total.certain * PageCount.pageSize)
  }

  /// What is divided by the number of those who share it may differ by those who come and go, who
  /// map at least the kernel's page; but by less than a page.
  private func expectNear(_ group: Group, _ name: String, _ counted: UInt64) {
    guard let found = group.amounts[name] else { return }
    let difference = max(found, counted) - min(found, counted)
    #expect(difference < PageCount.pageSize, "\(name): \(found), not \(counted)")
  }

  private static func counted(_ space: PageCount.Space) -> [String: UInt64?] {
    [
      "residentBytes": space.resident, "uniqueBytes": space.unique,
      "copyOnWriteBytes": space.copyOnWrite, "privateBytes": space.private,
      "sharedBytes": space.shared, "sharedReadOnlyBytes": space.sharedReadOnly,
      "hugetlbBytes": space.hugetlb, "swappedBytes": space.swapped,
      "swappedSharedBytes": space.swappedShared, "userfaultProtectedBytes": space.protected,
      "sharedAnonymousBytes": space.sharedAnonymous,
      "unwrittenFileBytes": space.unwrittenFile, "zeroBytes": space.zero,
      "mergedBytes": space.merged, "differingBytes": space.differing, "freshBytes": space.fresh,
      "freedBytes": space.freed, "freedAtMostBytes": space.freedAtMost,
      "treeBytes": space.tree, "treeSwapBytes": space.treeSwap, "treeFreedBytes": space.treeFreed,
      "treeFreedAtMostBytes": space.treeFreedAtMost,
    ]
  }

  private static func counted(_ total: PageCount.Total) -> [String: UInt64?] {
    [
      "distinctBytes": total.frames, "privateBytes": total.private,
      "sharedAnonymousBytes": total.sharedAnonymous, "fileBytes": total.files,
      "copyOnWriteBytes": total.copyOnWrite, "swapBytes": total.swap,
      "naiveBytes": total.naive, "differingBytes": total.differing,
      "couldStillCopyBytes": total.couldStillCopy,
    ]
  }
}

extension Figures.Group {
  fileprivate func expectConsistent(with counted: [String: UInt64?], _ whose: String) {
    for (name, pages) in counted.sorted(by: { $0.key < $1.key }) {
      let found = amounts[name]
      let right = pages.map { $0 * PageCount.pageSize }
      if bounds.contains(name) {
        #expect(found ?? 0 >= right ?? 0, "\(name) of \(whose) is a bound")
      } else if !estimates.contains(name) {
        #expect(found == right, "\(name) of \(whose)")
      }
    }
  }
}
