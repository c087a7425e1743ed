import Foundation
import MemoryAccounting
import ScenarioSupport
import Testing

@testable import cow

@Suite("cow stat --by")
struct GroupTests {
  @Test("a path means a control group and those below it, a word those that have it in their name")
  func controlGroups() throws {
    let path = try #require(ControlGroupPattern("/system.slice/a.service"))
    #expect(path.matches("/system.slice/a.service"))
    #expect(path.matches("/system.slice/a.service/worker"))
    #expect(!path.matches("/system.slice/a.service2"))
    #expect(!path.matches("/system.slice"))
    let folder = try #require(ControlGroupPattern("/sys/fs/cgroup/system.slice/"))
    #expect(folder.matches("/system.slice/b"))
    let relative = try #require(ControlGroupPattern("system.slice/b"))
    #expect(relative.matches("/system.slice/b"))
    let word = try #require(ControlGroupPattern("0123456789ab"))
    #expect(word.matches("/docker/0123456789abcdef"))
    #expect(word.matches("/system.slice/docker-0123456789abcdef.scope/init"))
    #expect(!word.matches("/docker/123456789ab"))
    #expect(try #require(ControlGroupPattern("/")).matches("/anything"))
    #expect(ControlGroupPattern("") == nil)
  }

  @Test("a program is called by its whole name, and its processes' memory is counted once")
  func byProgram() throws {
    let scenario = try Scenario("fork", "2560", "4", "0", "0")
    let result = try Tool.run("stat", "\(scenario.root)", "--by", "program", "--json")
    #expect(result.status == 0, "\(result.errors)")
    let report = try StatReport(result.output)
    let group = try #require(report.groups?.first)
    #expect(report.groups?.count == 1)
    // The kernel cuts the name off after 15 bytes.
    #expect(group.name == "accounting-scenarios")
    #expect(Set(group.pids) == Set([scenario.root] + scenario.children))
    #expect((10 << 20..<20 << 20).contains(group.distinctBytes ?? 0))
  }

  @Test("users and control groups have names, and a table has a line for each")
  func table() throws {
    let scenario = try Scenario("fork", "10", "0", "0", "0")
    let user = try Tool.run("stat", "\(scenario.root)", "--by", "user")
    #expect(user.status == 0)
    let lines = user.output.split(separator: "\n")
    #expect(lines[0].hasSuffix("USER"))
    #expect(lines[1].hasSuffix("  " + Users.name(of: getuid())))
    #expect(try Tool.run("stat", "\(scenario.root)", "--by", "cgroup").status == 0)
  }

  @Test("processes are found by their control group")
  func selection() throws {
    let scenario = try Scenario("fork", "10", "1", "0", "0")
    let entry = try #require(try ProcessEntry(pid: scenario.root))
    guard let group = entry.controlGroup() else { try Test.cancel("no control groups here") }
    let result = try Tool.run("stat", "--cgroup", group, "--name", "accounting", "--json")
    #expect(try StatReport(result.output)[scenario.root] != nil)
    #expect(try Tool.run("stat", "--cgroup", "/no/such/group").status == 66)
  }

  @Test("threads of the kernel are never found, only named")
  func kernelThreads() throws {
    let all = try ProcessEntry.all()
    guard all.contains(where: \.isKernelThread) else { try Test.cancel("no kernel threads here") }
    let scenario = try Scenario("fork", "10", "0", "0", "0")
    let result = try Tool.run("stat", "--name", "^kthreadd$|^kworker|^accounting-scen", "--json")
    let report = try StatReport(result.output)
    #expect(report[scenario.root] != nil)
    #expect(report.processes.allSatisfy { $0.condition != "kernelThread" })
  }
}
