import Foundation
import MemoryAccounting
import ScenarioSupport
import Testing

@Suite("cow stat")
struct StatTests {
  private static let megabyte: UInt64 = 1 << 20

  @Test("JSON has the fixed names, and the figures of a process and its child")
  func json() throws {
    let scenario = try Scenario("fork", "2560", "1", "1", "1280")
    let result = try Tool.run("stat", "\(scenario.root)", "--json")
    #expect(result.status == 0, "\(result.errors)")
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    #expect(object["exactness"] is String)
    let process = try #require((object["processes"] as? [[String: Any]])?.first)
    for name in [
      "pid", "parent", "name", "residentBytes", "copyOnWriteBytes", "privateBytes", "sharedBytes",
      "swappedBytes", "uniqueBytes", "hugetlbBytes", "differingBytes", "freshBytes",
      "userfaultProtectedBytes",
    ] {
      #expect(process[name] != nil, "\(name) is missing")
    }
    let total = try #require(object["total"] as? [String: Any])
    for name in [
      "distinctBytes", "privateBytes", "sharedAnonymousBytes", "fileBytes", "swapBytes",
      "naiveBytes", "copyOnWriteBytes", "differingBytes", "couldStillCopyBytes",
    ] {
      #expect(total[name] is NSNumber, "\(name) is missing")
    }
    #expect((total["sums"] as? [String: Any])?["copyOnWriteBytes"] is NSNumber)

    let report = try StatReport(result.output)
    #expect(report.processes.map(\.pid) == [scenario.root] + scenario.children)
    let child = try #require(report[scenario.children[0]])
    #expect(child.parent == scenario.root)
    let diverged = try #require(child.differingBytes)
    // The buffer's 5 MiB, and a few pages of stack and data.
    #expect((5 * Self.megabyte..<6 * Self.megabyte).contains(diverged))
    #expect(report[scenario.root]?.differingBytes == nil)
  }

  @Test("the descendants are left out on request")
  func only() throws {
    let scenario = try Scenario("fork", "10", "2", "0", "0")
    let result = try Tool.run("stat", "\(scenario.root)", "--only", "--json")
    #expect(try StatReport(result.output).processes.map(\.pid) == [scenario.root])
  }

  @Test("processes are found by name and by user, with their descendants")
  func selection() throws {
    let scenario = try Scenario("fork", "10", "2", "0", "0")
    let byName = try Tool.run("stat", "--name", "^accounting-scen", "--json")
    let found = try StatReport(byName.output)
    #expect(found[scenario.root] != nil)
    #expect(scenario.children.allSatisfy { found[$0] != nil })
    // Other tests' scenarios may have started other programs.
    #expect(
      found.processes.allSatisfy {
        $0.name.hasPrefix("accounting-scen") || found[$0.parent] != nil
      })
    let byUser = try Tool.run("stat", "--user", "\(getuid())", "--name", "accounting", "--json")
    #expect(try StatReport(byUser.output)[scenario.root] != nil)
  }

  @Test("there is a row for each mapping on request, in JSON, CSV and the table")
  func mappings() throws {
    let scenario = try Scenario("fork", "100", "0", "0", "0")
    let report = try StatReport(
      try Tool.run("stat", "\(scenario.root)", "--maps", "--json").output)
    let mapping = try #require(
      report.processes[0].mappings?.first {
        $0.start <= scenario.range.lowerBound && scenario.range.upperBound <= $0.end
      })
    #expect(mapping.permissions == "rw-p")
    #expect((mapping.privateBytes ?? 0) >= scenario.range.upperBound - scenario.range.lowerBound)
    let csv = try Tool.run("stat", "\(scenario.root)", "--maps", "--csv").output
    let lines = csv.split(separator: "\n")
    #expect(lines[0].hasPrefix("pid,start,end,permissions,mapping,residentBytes,"))
    #expect(lines.count == (report.processes[0].mappings?.count ?? 0) + 1)
    let table = try Tool.run("stat", "\(scenario.root)", "--maps").output
    #expect(table.contains("[stack]"))
  }

  @Test("a mapping's name is there whatever columns there are, and so is what differs in it")
  func mappingNames() throws {
    let scenario = try Scenario("fork", "2560", "1", "1", "1280")
    let result = try Tool.run("stat", "\(scenario.root)", "--maps", "--writers", "--pss")
    let lines = result.output.split(separator: "\n")
    let program = URL(fileURLWithPath: Scenario.path).lastPathComponent
    for name in ["[stack]", " rw-p \(program)", " rw-p anonymous"] {
      #expect(lines.contains { $0.hasSuffix(name) }, "\(name)")
    }
    #expect(lines.first?.contains("DIFFERS") == true)
    // The child's 5 MiB, in its mapping.
    #expect(lines.contains { $0.hasSuffix(" rw-p anonymous") && $0.contains("5 MiB  ") })
  }

  @Test(
    "whose own the pages are that differ is said in each mapping, and that the parent's is an estimate",
    .enabled(if: showsFrames, "needs frame numbers"))
  func writers() throws {
    let scenario = try Scenario("kept", "wiped", "40")
    let report = try StatReport(
      try Tool.run("stat", "\(scenario.root)", "--maps", "--writers", "--json").output)
    let mapping = try #require(
      report[scenario.children[0]]?.mappings?.first { $0.start == scenario.range.lowerBound })
    let page = UInt64(sysconf(Int32(_SC_PAGESIZE)))
    // The 40 that the child did not get are one mapping.
    #expect(mapping.end - mapping.start == 40 * page)
    #expect(mapping.differingBytes == 40 * page)
    #expect(mapping.copiedBytes == 40 * page)
    #expect(mapping.estimates?.contains("copiedByParentBytes") == true)
    let plain = try StatReport(try Tool.run("stat", "\(scenario.root)", "--json").output)
    #expect(plain[scenario.children[0]]?.copiedBytes == nil)
  }

  @Test("CSV has a line for each process, with as many fields as there are names")
  func csv() throws {
    let scenario = try Scenario("fork", "10", "2", "0", "0")
    let result = try Tool.run("stat", "\(scenario.root)", "--csv")
    let lines = result.output.split(separator: "\n")
    #expect(lines.count == 4)
    let counts = Set(lines.map { $0.split(separator: ",", omittingEmptySubsequences: false).count })
    #expect(counts.count == 1)
    #expect(lines[1].hasPrefix("\(scenario.root),"))
  }

  @Test("the table fits 100 columns, draws the tree, and ends with a sentence")
  func table() throws {
    let scenario = try Scenario("fork", "2560", "3", "1", "1280")
    let result = try Tool.run("stat", "\(scenario.root)")
    let lines = result.output.split(separator: "\n", omittingEmptySubsequences: false)
      .dropLast().map(String.init)
    let rows = lines.prefix { !$0.isEmpty }
    #expect(rows.count == 5)
    #expect(rows.allSatisfy { $0.count <= 100 })
    #expect(rows.count { $0.contains("├─ ") } == 2)
    #expect(rows.count { $0.contains("└─ ") } == 1)
    #expect(!result.output.contains("\u{1B}"))
    let sentence = try #require(lines.last)
    let pattern =
      #"^4 processes: top counts ~?[0-9.]+ MiB; really used [0-9.]+ MiB of RAM \((exact|estimate)\); "#
      + #"~?[0-9.]+ MiB of it is copy-on-write; at most [~≤]?[0-9.]+ MiB more if everyone wrote$"#
    #expect(sentence.firstMatch(of: try Regex(pattern)) != nil, "\(sentence)")
  }

  @Test("a process's sub-tree has a total of its own, in JSON, as a column and to sort by")
  func subtrees() throws {
    let scenario = try Scenario("family", "2560")
    let report = try StatReport(try Tool.run("stat", "\(scenario.root)", "--json").output)
    let tree = report.processes.compactMap(\.treeBytes)
    try #require(tree.count == 3)
    #expect(tree[0] == report.total.distinctBytes)
    #expect(tree[0] > tree[1] + 1000 * 4096)
    #expect(tree[1] >= tree[2])
    let table = try Tool.run("stat", "\(scenario.root)", "--sort", "tree").output
    #expect(table.split(separator: "\n").first?.contains("TREE") == true)
  }

  @Test("proportional sizes are shown on request, and to nobody who did not ask for them")
  func proportional() throws {
    let scenario = try Scenario("fork", "2560", "1", "0", "0")
    let plain = try StatReport(try Tool.run("stat", "\(scenario.root)", "--json").output)
    #expect(plain.processes.allSatisfy { $0.proportionalBytes == nil })
    let report = try StatReport(try Tool.run("stat", "\(scenario.root)", "--pss", "--json").output)
    for process in report.processes {
      // Half of the 10 MiB that two processes share; and no more of anything else than there is, as where
      // nobody else on the machine maps the same libraries.
      let others = try #require(process.residentBytes) - 10 * Self.megabyte
      let size = try #require(process.proportionalBytes)
      #expect((5 * Self.megabyte...5 * Self.megabyte + others).contains(size))
    }
    #expect(try Tool.run("stat", "\(scenario.root)", "--pss").output.contains("PSS"))
  }

  @Test("processes are grouped by program, user and control group")
  func groups() throws {
    let scenario = try Scenario("exec", "2560")
    let result = try Tool.run("stat", "\(scenario.root)", "--by", "program", "--json")
    let groups = try #require(try StatReport(result.output).groups)
    #expect(groups.map(\.pids.count) == [2, 1])
    #expect((10 * Self.megabyte..<20 * Self.megabyte).contains(groups[0].distinctBytes ?? 0))
    let users = try Tool.run("stat", "\(scenario.root)", "--by", "user")
    #expect(users.output.contains("IF KILLED"))
    let path = try #require(try ProcessEntry(pid: scenario.root)).controlGroup()
    guard let path else { try Test.cancel("no control groups here") }
    let found = try Tool.run(
      "stat", "--cgroup", path, "--name", "^accounting", "--by", "cgroup", "--json")
    let group = try StatReport(found.output).groups?.first { $0.pids.contains(scenario.root) }
    #expect(group?.name == path)
    #expect(try Tool.run("stat", "--cgroup", "/no/such/group").status == 66)
  }

  @Test("the largest come first within the tree when sorted")
  func sorting() throws {
    let scenario = try Scenario("fork", "2560", "3", "1", "1280")
    let result = try Tool.run("stat", "\(scenario.root)", "--sort", "private")
    let row = try #require(result.output.split(separator: "\n").dropFirst(2).first)
    #expect(row.contains("\(scenario.children[0]) "))
  }

  @Test("amounts are printed in the unit that was asked for")
  func units() throws {
    let scenario = try Scenario("fork", "2560", "0", "0", "0")
    let result = try Tool.run("stat", "\(scenario.root)", "--units", "MB")
    #expect(result.output.contains(" MB"))
    #expect(!result.output.contains(" MiB"))
  }

  @Test("pages that userfaultfd protects are shown as copy-on-write, in a column of their own")
  func userfaultProtected() throws {
    let scenario = try Scenario("protected", "shared", "1000", "600")
    let size = (scenario.range.upperBound - scenario.range.lowerBound) / 1000 * 600
    let report = try StatReport(try Tool.run("stat", "\(scenario.root)", "--json").output)
    #expect(report.processes[0].userfaultProtectedBytes == size)
    #expect((report.processes[0].copyOnWriteBytes ?? 0) >= size)
    #expect(try Tool.run("stat", "\(scenario.root)").output.contains("UFFD-WP"))
  }
}
