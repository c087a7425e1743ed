import Foundation
import MemoryAccounting
import ScenarioSupport
import Testing

/// Known answers: trees of real processes, compared with the figures to the page.
@Suite("ProcessTree", .enabled(if: seesFrames, "exact figures need CAP_SYS_ADMIN"))
struct ProcessTreeTests {
  @Test("20 children share 10 MiB, and the 10 that dirty half of it have copies of just that")
  func partialWrites() throws {
    let scenario = try Scenario("fork", "2560", "20", "10", "1280")
    let tree = try scenario.tree()
    #expect(tree.processes.count == 21)
    #expect(
      pages(tree[scenario.root]?.memory)
        == ["resident": 2560, "copyOnWrite": 2560, "sharedAnonymous": 2560])
    for child in scenario.children.prefix(10) {
      #expect(
        pages(tree[child]?.memory)
          == [
            "resident": 2560, "copyOnWrite": 1280, "sharedAnonymous": 1280, "private": 1280,
          ])
      #expect(tree[child]?.differing?.pages == 1280)
      #expect(tree[child]?.fresh?.pages == 0)
    }
    for child in scenario.children.dropFirst(10) {
      #expect(
        pages(tree[child]?.memory)
          == ["resident": 2560, "copyOnWrite": 2560, "sharedAnonymous": 2560])
      #expect(tree[child]?.differing?.pages == 0)
    }
    #expect(tree.total.distinct.pages == 15_360)
    #expect(tree.total.naive.pages == 21 * 2560)
    #expect(tree.total.differing.pages == 12_800)
    // Different pages: 2,560 that several have, 12,800 that one has.
    #expect(tree.total.copyOnWrite.pages == 2560)
    #expect(tree.total.sharedAnonymous.pages == 2560)
    #expect(tree.total.private.pages == 12_800)
    #expect(tree.total.files.pages == 0)
    #expect(tree.total.memory.copyOnWrite.pages == 1280 * 10 + 2560 * 11)
    // The clean half is shared by 21, the dirtied half by the other 11: all but one would copy.
    #expect(tree.total.couldStillCopy.pages == 1280 * 20 + 1280 * 10)
    #expect(tree.total.exactness == .exact)
  }

  @Test("copies of some of the sharers only: the rest of the system keeps the page")
  func sharersOutside() throws {
    let scenario = try Scenario("fork", "100", "3", "0", "0")
    var options = AccountingOptions()
    options.addresses = scenario.range
    let tree = try ProcessTree(pids: Array(scenario.children.prefix(2)), options: options)
    #expect(tree.total.distinct.pages == 100)
    #expect(tree.total.couldStillCopy.pages == 200)
    #expect(tree.processes.allSatisfy { $0.differing == nil })
  }

  @Test("sparse writes to 2 MiB huge pages part single pages, and the parent's are its own again")
  func hugePages() throws {
    let scenario = try Scenario("sparse", "2560", "16", "2097152")
    try expectSparse(scenario)
  }

  private func expectSparse(_ scenario: Scenario) throws {
    let sparse: [String: UInt64] = [
      "resident": 2560, "copyOnWrite": 2400, "sharedAnonymous": 2400, "private": 160,
    ]
    let tree = try scenario.tree()
    #expect(pages(tree[scenario.root]?.memory) == sparse)
    #expect(pages(tree[scenario.children[0]]?.memory) == sparse)
    #expect(tree.total.distinct.pages == 2720)
    #expect(tree.total.differing.pages == 160)
    #expect(tree.total.couldStillCopy.pages == 2400)
    // The parent alone: whom it shares with is outside the tree.
    var options = AccountingOptions()
    options.addresses = scenario.range
    #expect(pages(try ProcessMemory(pid: scenario.root, options: options).memory) == sparse)
    try scenario.next()
    let alone = try ProcessMemory(pid: scenario.root, options: options)
    #expect(pages(alone.memory) == ["resident": 2560, "private": 2560])
  }

  @Test("sparse writes to 64 kB folios part single pages")
  func folios() async throws {
    try await withSystemState {
      let setting = try SystemSetting(
        "/sys/kernel/mm/transparent_hugepage/hugepages-64kB/enabled", "madvise")
      defer { setting.putBack() }
      try expectSparse(try Scenario("sparse", "2560", "16", "65536"))
    }
  }

  @Test("two processes in one address space are counted once, and both in what top counts")
  func sharedAddressSpace() throws {
    let scenario = try Scenario("clone", "64")
    let twin = try #require(scenario.pids("twin").first)
    let tree = try scenario.tree()
    let memory: [String: UInt64] = [
      "resident": 64, "copyOnWrite": 48, "sharedAnonymous": 48, "private": 16,
    ]
    #expect(pages(tree[scenario.root]?.memory) == memory)
    #expect(pages(tree[twin]?.memory) == memory)
    #expect(tree[twin]?.sharesMemoryWith == scenario.root)
    #expect(tree[twin]?.differing?.bytes == 0)
    #expect(tree[scenario.children[0]]?.differing?.pages == 16)
    #expect(tree.total.distinct.pages == 80)
    #expect(tree.total.naive.pages == 192)
    #expect(tree.total.memory.resident.pages == 128)
    #expect(tree.total.differing.pages == 16)
  }

  @Test("when all children have gone, everything is the parent's own again")
  func childrenGone() throws {
    let scenario = try Scenario("gone", "100", "3")
    let tree = try scenario.tree()
    #expect(tree.processes.count == 1)
    #expect(pages(tree.processes[0].memory) == ["resident": 100, "private": 100])
    #expect(tree.total.differing.bytes == 0)
    #expect(tree.total.couldStillCopy.bytes == 0)
  }

  @Test("a child that runs another program is not compared with its parent")
  func childExecs() throws {
    let scenario = try Scenario("exec", "64")
    let other = try #require(scenario.pids("other").first)
    let tree = try ProcessTree(root: scenario.root)
    #expect(tree[other]?.condition == .read)
    #expect(tree[other]?.differing == nil)
    #expect(tree[other]?.fresh == nil)
    #expect(tree[scenario.children[0]]?.differing != nil)
    let related = try ProcessTree(pids: [scenario.root, scenario.children[0]])
    #expect(tree.total.differing == related.total.differing)
  }

  @Test(
    "copies are compared with the parent's pages, and those that grandchildren share count once")
  func grandchildren() throws {
    let scenario = try Scenario("family", "100")
    let fresh = try #require(scenario.ranges("fresh").first)
    let tree = try scenario.tree()
    let child = try #require(tree.processes.first { $0.process.parent == scenario.root })
    let grandchild = try #require(tree.processes.first { $0.process.parent == child.id })
    #expect(
      pages(tree[scenario.root]?.memory)
        == ["resident": 100, "copyOnWrite": 40, "sharedAnonymous": 40, "private": 60])
    #expect(pages(child.memory) == ["resident": 100, "copyOnWrite": 100, "sharedAnonymous": 100])
    #expect(child.differing?.pages == 60)
    #expect(grandchild.differing?.pages == 0)
    #expect(tree.total.distinct.pages == 160)
    #expect(tree.total.differing.pages == 60)
    #expect(tree.total.couldStillCopy.pages == 40 * 2 + 60)

    var options = AccountingOptions()
    options.addresses = fresh
    let own = try ProcessTree(root: scenario.root, options: options)
    #expect(own[child.id]?.fresh?.pages == 32)
    #expect(own.total.differing.bytes == 0)
  }

  @Test("what a child maps anew, or moves, is not compared with what its parent has there")
  func remapped() throws {
    let scenario = try Scenario("remapped", "400", "30")
    let tree = try scenario.tree()
    let child = try #require(tree[scenario.children[0]])
    // 100 that the child wrote to, 30 that the parent wrote to: they differ, whoever wrote.
    #expect(child.differing?.pages == 130)
    // 100 of the file that the child mapped, 100 that it moved to where its parent has nothing.
    #expect(child.fresh?.pages == 200)
    #expect(tree.total.differing.pages == 130)
    #expect(tree.total.distinct.pages == 400 + 100 + 100 + 30)
  }

  @Test("a private file mapping that was written in part before and after the fork")
  func privateFile() throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent(
      "accounting-\(getpid()).data")
    let bytes = [UInt8](repeating: 1, count: 1000 * Int(pageSize))
    try Data(bytes).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let scenario = try Scenario("file", file.path, "1000", "256", "128")
    let tree = try scenario.tree()
    #expect(
      pages(tree[scenario.root]?.memory)
        == [
          "resident": 1000, "copyOnWrite": 1000, "sharedAnonymous": 256, "unwrittenFile": 744,
        ])
    #expect(
      pages(tree[scenario.children[0]]?.memory)
        == [
          "resident": 1000, "copyOnWrite": 872, "sharedAnonymous": 256, "unwrittenFile": 616,
          "private": 128,
        ])
    // 744 pages of the file, 256 written before the fork, 128 after it.
    #expect(tree.total.distinct.pages == 744 + 256 + 128)
    #expect(tree.total.differing.pages == 128)
    #expect(tree[scenario.children[0]]?.differing?.pages == 128)
    #expect(tree.total.couldStillCopy.pages == 744 + 616 + 256)
  }

  @Test("relocated read-only data is shared since the fork but would not be copied")
  func relocatedReadOnly() throws {
    let scenario = try Scenario("readonly", "100")
    let tree = try scenario.tree()
    for process in tree.processes {
      #expect(pages(process.memory) == ["resident": 100, "sharedReadOnly": 100])
    }
    #expect(tree.total.couldStillCopy.bytes == 0)
    #expect(tree.total.copyOnWrite.bytes == 0)
  }

  @Test("shared memory that a child writes to is shared by design and never copied")
  func sharedMemory() throws {
    let tree = try Scenario("shared", "100").tree()
    #expect(tree.processes.count == 2)
    for process in tree.processes {
      #expect(pages(process.memory) == ["resident": 100, "shared": 100])
    }
    #expect(tree.processes.last?.differing?.bytes == 0)
    #expect(tree.total.distinct.pages == 100)
  }

  @Test("more references to a page than fit into a byte are counted")
  func manyReferences() throws {
    let scenario = try Scenario("fork", "10", "150", "0", "0")
    let tree = try scenario.tree()
    #expect(tree.processes.count == 151)
    #expect(tree.total.distinct.pages == 10)
    #expect(tree.total.couldStillCopy.pages == 1500)
  }

  @Test("a process that ended after it was listed is reported as gone, and the others are right")
  func goneAfterListing() throws {
    let scenario = try Scenario("exec", "64")
    let entries = try ProcessEntry.all().descendants(of: [scenario.root])
    let other = try #require(scenario.pids("other").first)
    try scenario.next()
    var options = AccountingOptions()
    options.addresses = scenario.range
    let tree = try ProcessTree(entries: entries, options: options)
    #expect(tree[other]?.condition == .gone)
    #expect(tree[other]?.memory.resident == .denied)
    #expect(tree.total.distinct == MemoryFigure(bytes: 64 * pageSize))
    #expect(tree.total.naive == MemoryFigure(bytes: 128 * pageSize))
  }

  @Test("a kernel thread has no memory of its own")
  func kernelThread() throws {
    let thread = try #require(
      try ProcessEntry.all().first { $0.isKernelThread }, "no kernel threads in this namespace")
    let tree = try ProcessTree(pids: [thread.pid])
    #expect(tree.processes[0].condition == .kernelThread)
    #expect(tree.total.distinct == MemoryFigure(bytes: 0))
    #expect(tree.total.naive == MemoryFigure(bytes: 0))
  }

  @Test("no such process is an error")
  func noSuchProcess() throws {
    let error = #expect(throws: AccountingError.self) { try ProcessTree(pids: [Int32.max]) }
    #expect(error?.code == .noSuchProcess)
    #expect(throws: AccountingError.self) { try ProcessTree(root: Int32.max) }
  }

  @Test("a tree survives being encoded and decoded")
  func coding() throws {
    let scenario = try Scenario("readonly", "10")
    let tree = try scenario.tree()
    let decoded = try JSONDecoder().decode(
      ProcessTree.self, from: try JSONEncoder().encode(tree))
    #expect(decoded.total == tree.total)
    #expect(decoded.processes.map(\.memory) == tree.processes.map(\.memory))
  }
}
