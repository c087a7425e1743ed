import Foundation
import MemoryAccounting
import ScenarioSupport
import Testing

/// Known answers: single processes, compared with the figures to the page.
@Suite("ProcessMemory", .enabled(if: seesFrames, "exact figures need CAP_SYS_ADMIN"))
struct ProcessMemoryTests {
  private func memory(_ scenario: Scenario) throws -> MemoryBreakdown {
    var options = AccountingOptions()
    options.addresses = scenario.range
    return try ProcessMemory(pid: scenario.root, options: options).memory
  }

  @Test("memory that was read but never written is zero pages, and uses none")
  func zeroPages() throws {
    let scenario = try Scenario("zero", "512", "0")
    #expect(pages(try memory(scenario)) == ["copyOnWrite": 512, "zero": 512])
  }

  @Test(
    "huge zero pages are zero pages too",
    .enabled(
      if: ((try? String(
        contentsOfFile: "/sys/kernel/mm/transparent_hugepage/use_zero_page", encoding: .utf8))
        ?? "0").hasPrefix("1"), "the kernel uses no huge zero pages"))
  func hugeZeroPages() throws {
    let scenario = try Scenario("zero", "1024", "1")
    #expect(pages(try memory(scenario)) == ["copyOnWrite": 1024, "zero": 1024])
  }

  @Test(
    "pages that userfaultfd write-protects are copy-on-write, in private and shared mappings",
    arguments: [("anonymous", "private"), ("shared", "shared")])
  func userfaultProtected(kind: String, rest: String) throws {
    let scenario = try Scenario("protected", kind, "100", "30")
    #expect(
      pages(try memory(scenario))
        == ["resident": 100, "copyOnWrite": 30, "userfaultProtected": 30, rest: 70])
    let tree = try scenario.tree()
    #expect(tree.total.couldStillCopy.pages == 30)
  }

  @Test("userfaultfd's markers on pages that were never written are no pages")
  func userfaultMarkers() throws {
    let scenario = try Scenario("protected", "unpopulated", "100", "80")
    #expect(
      pages(try memory(scenario))
        == ["resident": 50, "copyOnWrite": 50, "userfaultProtected": 50])
  }

  @Test("guard pages are no pages")
  func guardPages() throws {
    let scenario = try Scenario("protected", "guard", "100", "10")
    #expect(pages(try memory(scenario)) == ["resident": 90, "private": 90])
  }

  @Test("60,000 mappings are counted one by one")
  func manyMappings() throws {
    let scenario = try Scenario("mappings", "60000")
    var options = AccountingOptions()
    options.addresses = scenario.range
    options.includesMappings = true
    let process = try ProcessMemory(pid: scenario.root, options: options)
    #expect(process.mappings.count == 60_000)
    #expect(pages(process.memory) == ["resident": 60_000, "private": 60_000])
    #expect(process.mappings.allSatisfy { $0.memory.private.pages == 1 })
    #expect(process.mappings.count { $0.permissions == "r--p" } == 30_000)
  }

  @Test("the few pages at the end of a terabyte that was only reserved are found")
  func reservedAddressSpace() throws {
    let scenario = try Scenario("reserved", "1099511627776", "7")
    #expect(pages(try memory(scenario)) == ["resident": 7, "private": 7])
  }

  @Test("the mappings add up to the process, and its resident size is the one of smaps_rollup")
  func mappingsAddUp() throws {
    let scenario = try Scenario("fork", "300", "1", "1", "100")
    var options = AccountingOptions()
    options.includesMappings = true
    let process = try ProcessMemory(pid: scenario.root, options: options)
    let sum = process.mappings.map(\.memory).reduce(nil) { (sum: MemoryBreakdown?, memory) in
      sum.map { $0 + memory } ?? memory
    }
    #expect(sum == process.memory)
    #expect(process.memory.resident.bytes == smapsRollup(scenario.root)["Rss"])
    let memory = process.memory
    let parts = [memory.private, memory.shared, memory.sharedReadOnly, memory.copyOnWrite]
    #expect(
      parts.compactMap(\.bytes).reduce(0, +)
        == (memory.resident.bytes ?? 0) + (memory.zero.bytes ?? 0))
  }

  @Test(
    "the unique set size is the one of smaps: memory, and shared memory that nobody else maps",
    arguments: [
      ["fork", "300", "1", "1", "100"], ["sparse", "2560", "16", "2097152"], ["zero", "512", "0"],
      ["memory-file", "300", "0"], ["readonly", "100"],
    ])
  func uniqueSetSize(arguments: [String]) throws {
    let scenario = try Scenario(arguments)
    // In the scenario's own memory: who else maps the program's files changes with every other test.
    for process in try scenario.tree().processes {
      let smaps = smaps(process.id, in: scenario.range)
      let unique = (smaps["Private_Clean"] ?? 0) + (smaps["Private_Dirty"] ?? 0)
      #expect(process.memory.unique == MemoryFigure(bytes: unique))
      #expect(process.memory.resident == MemoryFigure(bytes: smaps["Rss"] ?? 0))
    }
  }

  @Test("shared memory that only one process maps is its own, until another maps it")
  func uniqueSharedMemory() throws {
    let scenario = try Scenario("memory-file", "300", "0")
    let alone = try memory(scenario)
    #expect(alone.unique.pages == 300)
    #expect(alone.shared.pages == 300)
    #expect(alone.private.pages == 0)
    try scenario.next()
    #expect(try memory(scenario).unique.pages == 0)
  }

  @Test("a picture holds every page of the process, in no more cells than asked for")
  func picture() throws {
    let scenario = try Scenario("fork", "300", "1", "1", "100")
    var options = AccountingOptions()
    options.addresses = scenario.range
    options.pictureCells = 50
    let process = try ProcessMemory(pid: scenario.children[0], options: options)
    let picture = try #require(process.picture)
    #expect(picture.cells.count <= 50)
    #expect(picture.cells.count > 25)
    let count = { (state: PageState) in
      picture.cells.reduce(0) { $0 + ($1.pages[state] ?? 0) }
    }
    #expect(count(.private) == 100)
    #expect(count(.sharedAnonymous) == 200)
    #expect(picture.cells.map(\.address) == picture.cells.map(\.address).sorted())
    #expect(picture.cells.first?.state == .private)
    #expect(picture.cells.last?.state == .sharedAnonymous)
  }

  @Test("a picture shows each page of a huge page as what it is")
  func pictureOfHugePages() throws {
    let scenario = try Scenario("sparse", "512", "16", "2097152")
    var options = AccountingOptions()
    options.addresses = scenario.range
    options.pictureCells = 512
    let process = try ProcessMemory(pid: scenario.root, options: options)
    let picture = try #require(process.picture)
    #expect(picture.pagesPerCell == 1)
    #expect(picture.cells.count { $0.state == .private } == 32)
    #expect(picture.cells.count { $0.state == .sharedAnonymous } == 480)
  }
}
