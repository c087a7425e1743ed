import Foundation
import Testing

@testable import MemoryAccounting

@Suite("ProcessEntry's details")
struct ProcessDetailsTests {
  @Test(
    "the control group is that of version 2, or of the memory controller where that says nothing",
    arguments: [
      ("0::/system.slice/a.service\n", "/system.slice/a.service"),
      ("9:name=systemd:/a\n4:memory:/docker/b\n0::/\n", "/docker/b"),
      ("4:cpu,memory:/c:d\n", "/c:d"), ("0::/\n", "/"), ("", nil), ("garbage\n", nil),
    ] as [(String, String?)])
  func controlGroup(text: String, expected: String?) {
    #expect(ProcessEntry.controlGroup(in: Array(text.utf8)) == expected)
  }

  @Test("a command line is its words, without what a process has filled the rest with")
  func commandLine() {
    let words = { (text: String) in ProcessEntry.words(ofCommandLine: Array(text.utf8)) }
    #expect(words("a\0-b\0c d\0") == ["a", "-b", "c d"])
    #expect(words("postgres: writer   \0\0\0") == ["postgres: writer"])
    #expect(words("").isEmpty)
  }

  @Test("a name that the kernel cut off is made whole from the file's, or the command line's")
  func wholeName() {
    let whole = { (paths: [String]) in ProcessEntry.whole("accounting-scen", among: paths) }
    #expect(whole(["/x/accounting-scenarios"]) == "accounting-scenarios")
    #expect(whole(["/x/accounting-scenarios (deleted)"]) == "accounting-scenarios")
    #expect(whole(["/bin/python3", "/x/accounting-scenarios"]) == "accounting-scenarios")
    #expect(whole(["", "other"]) == "accounting-scen")
  }

  @Test("this process has all of them")
  func own() throws {
    let entry = try #require(try ProcessEntry(pid: getpid()))
    #expect(entry.programName().hasPrefix(entry.name))
    #expect(!entry.commandLine().isEmpty)
    #expect(entry.startTicks > 0)
  }
}
