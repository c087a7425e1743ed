import Foundation
import MemoryAccounting
import ScenarioSupport
import Testing

/// Known answers: totals of sub-trees and of groups, proportional sizes, what would be freed and who
/// has written.
@Suite("GroupTotal", .enabled(if: seesFrames, "exact figures need CAP_SYS_ADMIN"))
struct GroupTotalTests {
  private func tree(
    _ scenario: Scenario, _ configure: (inout AccountingOptions) -> Void
  ) throws -> ProcessTree {
    var options = AccountingOptions()
    options.addresses = scenario.range
    configure(&options)
    return try ProcessTree(root: scenario.root, options: options)
  }

  @Test("each process has the total of its sub-tree, and what killing it, or all of it, would free")
  func subtrees() throws {
    let scenario = try Scenario("family", "100")
    let tree = try tree(scenario) { $0.totals = .subtrees }
    let child = try #require(tree.processes.first { $0.process.parent == scenario.root })
    let grandchild = try #require(tree.processes.first { $0.process.parent == child.id })
    let root = try #require(tree[scenario.root])
    // Child and grandchild have 50 copies and 10 old pages for themselves, and 40 with the root.
    #expect(root.subtree?.distinct == MemoryFigure(bytes: 160 * pageSize))
    #expect(child.subtree?.distinct == MemoryFigure(bytes: 100 * pageSize))
    #expect(grandchild.subtree?.distinct == MemoryFigure(bytes: 100 * pageSize))
    #expect(root.subtree?.freed.certain == MemoryFigure(bytes: 160 * pageSize))
    #expect(child.subtree?.freed.certain == MemoryFigure(bytes: 60 * pageSize))
    #expect(grandchild.subtree?.freed.certain == MemoryFigure(bytes: 0))
    #expect(root.freed.certain == MemoryFigure(bytes: 60 * pageSize))
    #expect(child.freed.certain == MemoryFigure(bytes: 0))
    // The child alone: the grandchild, which keeps the pages, was not read.
    var options = AccountingOptions()
    options.addresses = scenario.range
    options.totals = .subtrees
    let part = try ProcessTree(pids: [scenario.root, child.id], options: options)
    #expect(part[child.id]?.subtree?.freed.certain.bytes == 0)
    #expect(part[scenario.root]?.subtree?.freed.certain.pages == 60)
  }

  @Test("20 children: the root's total is the tree's, and a child's what it has")
  func star() throws {
    let scenario = try Scenario("fork", "2560", "20", "10", "1280")
    let tree = try tree(scenario) { $0.totals = .subtrees }
    #expect(tree[scenario.root]?.subtree?.distinct == tree.total.distinct)
    #expect(tree.total.distinct.pages == 15_360)
    #expect(tree[scenario.root]?.subtree?.freed.certain.pages == 15_360)
    for child in scenario.children {
      #expect(tree[child]?.subtree?.distinct.pages == 2560)
    }
    #expect(tree[scenario.children[0]]?.subtree?.freed.certain.pages == 1280)
    #expect(tree[scenario.children[19]]?.subtree?.freed.certain.pages == 0)
  }

  @Test("huge pages that parted in places are in the totals page by page")
  func hugePages() throws {
    let scenario = try Scenario("sparse", "2560", "16", "2097152")
    let tree = try tree(scenario) { $0.totals = .subtrees }
    #expect(tree[scenario.root]?.subtree?.distinct.pages == 2720)
    #expect(tree[scenario.root]?.subtree?.freed.certain.pages == 2720)
    #expect(tree[scenario.children[0]]?.subtree?.distinct.pages == 2560)
    #expect(tree[scenario.children[0]]?.subtree?.freed.certain.pages == 160)
  }

  @Test("two processes in one address space free it only together")
  func sharedAddressSpace() throws {
    let scenario = try Scenario("clone", "64")
    let twin = try #require(scenario.pids("twin").first)
    let tree = try tree(scenario) { $0.totals = .subtrees }
    #expect(tree[scenario.root]?.subtree?.distinct.pages == 80)
    #expect(tree[scenario.root]?.subtree?.freed.certain.pages == 80)
    #expect(tree[twin]?.subtree?.distinct.pages == 64)
    #expect(tree[twin]?.subtree?.freed.certain.pages == 0)
    #expect(tree[twin]?.freed.certain.pages == 0)
    #expect(tree[scenario.root]?.freed.certain.pages == 0)
    // So it is without totals of sub-trees.
    #expect(try scenario.tree()[twin]?.freed.certain.pages == 0)
  }

  @Test("shared memory is a bound of what would be freed, and only if nobody else maps it")
  func sharedMemory() throws {
    let scenario = try Scenario("memory-file", "300", "0")
    let alone = try tree(scenario) { $0.totals = .subtrees }.processes[0]
    #expect(alone.freed.certain == MemoryFigure(bytes: 0))
    #expect(alone.freed.atMost == MemoryFigure(bytes: 300 * pageSize, exactness: .bound))
    #expect(
      alone.subtree?.freed.atMost == MemoryFigure(bytes: 300 * pageSize, exactness: .bound))
    try scenario.next()
    let tree = try tree(scenario) { $0.totals = .subtrees }
    #expect(tree[scenario.root]?.freed.atMost == MemoryFigure(bytes: 0))
    #expect(
      tree[scenario.root]?.subtree?.freed.atMost
        == MemoryFigure(bytes: 300 * pageSize, exactness: .bound))
    #expect(tree[scenario.children[0]]?.subtree?.freed.atMost == MemoryFigure(bytes: 0))
  }

  @Test("processes are grouped by program, and a group's pages counted once")
  func programs() throws {
    let scenario = try Scenario("exec", "64")
    let other = try #require(scenario.pids("other").first)
    let tree = try tree(scenario) { $0.totals = .groups(.program) }
    #expect(tree.groups.map(\.pids) == [[scenario.root, scenario.children[0]], [other]])
    #expect(tree.groups[0].total?.distinct == MemoryFigure(bytes: 64 * pageSize))
    #expect(tree.groups[0].memory.resident.pages == 128)
    #expect(tree.groups[0].total?.freed.certain.pages == 64)
    #expect(tree.groups[1].total?.distinct.pages == 0)
    let users = try self.tree(scenario) { $0.totals = .groups(.user) }
    #expect(users.groups.map(\.name) == ["\(getuid())"])
    let groups = try self.tree(scenario) { $0.totals = .groups(.controlGroup) }
    #expect(groups.groups.count == 1)
  }

  @Test(
    "the proportional set size is the one of smaps, to the kilobyte",
    arguments: [
      ["fork", "300", "3", "1", "100"], ["sparse", "2560", "16", "2097152"], ["zero", "512", "0"],
      ["memory-file", "300", "0"], ["readonly", "100"], ["fork", "7", "40", "0", "0"],
      ["hugetlb", "1024", "512"],
    ])
  func proportional(arguments: [String]) throws {
    let scenario = try Scenario(arguments)
    let tree = try tree(scenario) { $0.includesProportional = true }
    for process in tree.processes {
      let smaps = smaps(process.id, in: scenario.range)
      let size = try #require(process.proportional)
      #expect((size.resident.bytes ?? 0) / 1024 * 1024 == smaps["Pss"])
      #expect(size.resident.exactness == .exact)
      #expect(size.swapped == MemoryFigure(bytes: 0))
    }
  }

  /// Whether this machine may ever have swapped: own pages may have come back from there.
  private static let mayHaveSwapped: Bool = {
    let text = (try? String(contentsOfFile: "/proc/vmstat", encoding: .utf8)) ?? ""
    return text.split(separator: "\n").contains { line in
      let words = line.split(separator: " ")
      return words[0].firstMatch(of: #/^(pswp|zswp|swp)(in|out)/#) != nil && words[1] != "0"
    }
  }()

  @Test("whose own a page is is said where it is certain, and not otherwise")
  func writers() throws {
    let scenario = try Scenario("remapped", "400", "30")
    let child = try #require(
      try tree(scenario) { $0.findsWriters = true }[scenario.children[0]])
    #expect(child.differing?.pages == 130)
    #expect(child.writers?.process.pages == 100)
    #expect(child.writers?.parent.pages == 30)
    #expect(child.writers?.unknown.pages == 0)
    // Here the child forked after it had written: its pages could as well be the old ones.
    let family = try Scenario("family", "100")
    let tree = try tree(family) { $0.findsWriters = true }
    let parted = try #require(tree.processes.first { $0.process.parent == family.root })
    #expect(parted.differing?.pages == 60)
    #expect(parted.writers?.process.pages == 0)
    #expect(parted.writers?.parent.pages == 10)
    #expect(parted.writers?.unknown.pages == 50)
    let known: Exactness = Self.mayHaveSwapped ? .estimate : .exact
    #expect(parted.writers?.process.exactness == known)
    #expect(parted.writers?.parent.exactness == .estimate)
  }

  @Test(
    "pages that a fork could not share are the child's; that they seem to be the parent's is an estimate",
    arguments: ["pinned", "wiped"])
  func keptPages(how: String) throws {
    let scenario = try Scenario("kept", how, "40")
    let child = try #require(
      try tree(scenario) { $0.findsWriters = true }[scenario.children[0]])
    #expect(child.differing?.pages == 90)
    #expect(child.writers?.process.pages == 70)
    // The parent has made 20 of them its own.
    let parent = try #require(child.writers?.parent)
    #expect(parent.pages == 20 || parent.exactness == .estimate)
    #expect(child.writers?.unknown.pages == 0)
  }

  @Test(
    "a huge page is its owner's, all of it, which shows when it is split",
    arguments: ["new", "left"])
  func splitHugePage(which: String) throws {
    let scenario = try Scenario("split", which)
    let child = {
      try #require(try self.tree(scenario) { $0.findsWriters = true }[scenario.children[0]])
    }
    let block = pageSize / 8
    let huge = try child()
    #expect(huge.differing?.pages == block)
    #expect(huge.writers?.process.pages == 0)
    #expect(huge.writers?.unknown.pages == (which == "new" ? block : 0))
    try scenario.next()
    let split = try child()
    // Of what was never written to, newer kernels make zero pages, which are the same for both.
    if which == "left" { #expect(split.differing?.pages == block) }
    #expect(split.writers?.process.pages == split.differing?.pages)
    #expect(split.writers?.parent.pages == split.differing?.pages)
    #expect(split.writers?.unknown.pages == 0)
  }
}
