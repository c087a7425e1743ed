import Foundation
import MemoryAccounting
import ScenarioSupport
import Testing

/// Known answers that need a state of the whole system, one after the other.
@Suite(
  "ProcessTree in a system with merged and swapped pages", .serialized,
  .enabled(if: seesFrames, "exact figures need CAP_SYS_ADMIN"))
struct SystemStateTests {
  @Test("2,560 equal pages are merged into 10 frames, and all would be copied")
  func mergedPages() async throws {
    try await withSystemState {
      let merging = try SamepageMerging()
      defer { merging.putBack() }
      let scenario = try Scenario("merged", "2560")
      let tree = try scenario.tree()
      #expect(
        pages(tree.processes[0].memory) == ["resident": 2560, "copyOnWrite": 2560, "merged": 2560])
      #expect(tree.total.distinct.pages == 10)
      #expect(tree.total.naive.pages == 2560)
      #expect(tree.total.couldStillCopy.pages == 2560)
    }
  }

  @Test("merged pages that only a process, or its sub-tree, maps are free without it")
  func mergedPagesFreed() async throws {
    try await withSystemState {
      let merging = try SamepageMerging()
      defer { merging.putBack() }
      let scenario = try Scenario("mixed", "1024", "100", "2", "30")
      var options = AccountingOptions()
      options.addresses = scenario.range
      options.totals = .subtrees
      let tree = try ProcessTree(root: scenario.root, options: options)
      let root = try #require(tree[scenario.root])
      #expect(root.subtree?.distinct == tree.total.distinct)
      #expect(root.subtree?.freed.certain == tree.total.distinct)
      // The 30 pages that every child has parted from, and no merged ones.
      #expect(root.freed.certain.pages == 30)
      #expect(tree[scenario.children[0]]?.freed.certain.pages == 30)
      let alone = try Scenario("merged", "1024")
      options.addresses = alone.range
      let process = try ProcessTree(root: alone.root, options: options).processes[0]
      #expect(process.freed.certain == process.subtree?.distinct)
      #expect((process.freed.certain.pages ?? 0) > 0)
    }
  }

  @Test("shared memory in swap space is found, counted once, and no memory in use")
  func swappedSharedMemory() async throws {
    try await withSystemState {
      let swap = try SwapFile(megabytes: 32)
      defer { swap.remove() }
      let scenario = try Scenario("memory-file", "400", "300")
      let alone = try scenario.tree()
      let memory: [String: UInt64] = [
        "resident": 100, "shared": 100, "swapped": 300, "swappedShared": 300,
      ]
      #expect(pages(alone.processes[0].memory) == memory)
      #expect(alone.processes[0].memory.unique.pages == 100)
      try scenario.next()
      let tree = try scenario.tree()
      for process in tree.processes {
        #expect(process.memory.swapped.pages == 300)
        #expect(process.memory.swapped.bytes == smaps(process.id, in: scenario.range)["Swap"])
      }
      #expect(tree.total.swap == MemoryFigure(bytes: 300 * pageSize))
      #expect(tree.total.distinct.pages == 100)
      #expect(tree.total.memory.swapped.pages == 600)
    }
  }

  @Test("explicit huge pages are not in the resident size, as top has it, but in what is used")
  func explicitHugePages() async throws {
    try await withSystemState {
      let setting = try SystemSetting("/proc/sys/vm/nr_hugepages", "8")
      defer { setting.putBack() }
      let scenario = try Scenario("hugetlb", "2048", "1024")
      let tree = try scenario.tree()
      #expect(
        pages(tree[scenario.root]?.memory)
          == ["hugetlb": 2048, "copyOnWrite": 1024, "sharedAnonymous": 1024, "private": 1024])
      #expect(
        pages(tree[scenario.children[0]]?.memory)
          == ["hugetlb": 2048, "copyOnWrite": 1024, "sharedAnonymous": 1024, "private": 1024])
      #expect(tree.total.naive.pages == 0)
      #expect(tree.total.distinct.pages == 3072)
      #expect(tree.total.couldStillCopy.pages == 1024)
      let whole = try ProcessMemory(pid: scenario.root)
      #expect(whole.memory.resident.bytes == smapsRollup(scenario.root)["Rss"])
    }
  }

  @Test("swapped pages that a fork shares are one slot each, until one side writes")
  func swappedPages() async throws {
    try await withSystemState {
      let swap = try SwapFile(megabytes: 32)
      defer { swap.remove() }
      let scenario = try Scenario("swap", "400")
      let shared = try scenario.tree()
      for process in shared.processes { #expect(pages(process.memory) == ["swapped": 400]) }
      #expect(shared.total.distinct.bytes == 0)
      #expect(shared.total.swap.pages == 400)
      var options = AccountingOptions()
      options.addresses = scenario.range
      options.includesProportional = true
      options.totals = .subtrees
      for process in try ProcessTree(root: scenario.root, options: options).processes {
        #expect(process.proportional?.swapped.pages == 200)
        let smaps = smaps(process.id, in: scenario.range)
        #expect(process.proportional?.swapped.bytes == smaps["SwapPss"])
        #expect(process.subtree?.swap.pages == 400)
      }
      #expect(shared.total.naive.bytes == 0)
      // All come back into memory, and both processes then have pages of their own.
      #expect(shared.total.couldStillCopy.pages == 800)
      #expect(shared.total.differing.bytes == 0)
      try scenario.next()
      let parted = try scenario.tree()
      #expect(
        pages(parted[scenario.root]?.memory)
          == ["resident": 200, "private": 200, "swapped": 200])
      #expect(pages(parted[scenario.children[0]]?.memory) == ["swapped": 400])
      #expect(parted[scenario.children[0]]?.differing?.pages == 200)
      #expect(parted.total.differing.pages == 200)
      #expect(parted.total.distinct.pages == 200)
      #expect(parted.total.swap.pages == 400)
      // Markers and guard pages look like swapped pages; with swap space they still are none.
      let marked = try Scenario("protected", "unpopulated", "100", "80").tree()
      #expect(marked.total.memory.swapped.bytes == 0)
      let guarded = try Scenario("protected", "guard", "100", "10").tree()
      #expect(guarded.total.memory.swapped.bytes == 0)
    }
  }
}
