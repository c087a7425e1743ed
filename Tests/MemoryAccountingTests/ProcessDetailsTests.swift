import Foundation
import Testing

@testable import MemoryAccounting

@Suite("ProcessEntry's details")
struct ProcessDetailsTests {
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
