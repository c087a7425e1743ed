import MemoryAccounting
import Testing

@testable import cow

@Suite("ByteUnit")
struct ByteUnitTests {
  @Test(
    "amounts get the binary unit that leaves one to three digits, seldom four",
    arguments: [
      (0, "0 B"), (999, "999 B"), (1023, "1023 B"), (1024, "1 KiB"), (28672, "28 KiB"),
      (4200, "4.1 KiB"), (1_048_500, "1023.9 KiB"), (1_048_550, "1 MiB"), (254 << 20, "254 MiB"),
      ((1 << 30) - 1, "1 GiB"), (1 << 40, "1 TiB"), (12_345 << 40, "12345 TiB"),
    ] as [(UInt64, String)])
  func automatic(amount: UInt64, text: String) {
    #expect(ByteUnit.auto.text(amount) == text)
  }

  @Test("a fixed unit is kept, and what is there never reads as nothing")
  func fixed() {
    #expect(ByteUnit.MiB.text(1 << 20) == "1 MiB")
    #expect(ByteUnit.MiB.text(1 << 30) == "1024 MiB")
    #expect(ByteUnit.KiB.text(512) == "0.5 KiB")
    #expect(ByteUnit.MB.text(1_500_000) == "1.5 MB")
    #expect(ByteUnit.MiB.text(28 << 10) == "0.03 MiB")
    #expect(ByteUnit.MiB.text(97_500) == "0.09 MiB")
    #expect(ByteUnit.MiB.text(4096) == "0.004 MiB")
    #expect(ByteUnit.GiB.text(1) == "<0.001 GiB")
    #expect(ByteUnit.GiB.text(0) == "0 GiB")
  }

  @Test("differences have a sign")
  func differences() {
    #expect(ByteUnit.auto.text(difference: 1536) == "+1.5 KiB")
    #expect(ByteUnit.auto.text(difference: -1536) == "−1.5 KiB")
    #expect(ByteUnit.auto.text(difference: 0) == "0 B")
  }
}

@Suite("Suggestion")
struct SuggestionTests {
  private let commands = ["demo", "check", "stat", "top", "map", "stress", "record", "diff"]

  @Test(
    "a beginning, or a slip or two, is enough",
    arguments: [
      ("sta", "stat"), ("stats", "stat"), ("tsat", "stat"), ("tpo", "top"), ("rec", "record"),
      ("recrod", "record"), ("dif", "diff"), ("chekc", "check"),
    ])
  func finds(typed: String, meant: String) {
    #expect(Suggestion.nearest(to: typed, among: commands) == meant)
  }

  @Test(
    "what is near to nothing, or to several, is not guessed at", arguments: ["", "x", "st", "foo"])
  func doubtful(typed: String) {
    #expect(Suggestion.nearest(to: typed, among: commands) == nil)
  }

  @Test("the tool says what was meant, in one line, and which version it is")
  func tool() throws {
    let wrong = try Tool.run("sta")
    #expect(wrong.status == 64)
    #expect(wrong.errors == "cow: there is no command 'sta': did you mean 'cow stat'?\n")
    let strange = try Tool.run("frobnicate")
    #expect(strange.status == 64)
    #expect(strange.errorLines.count == 1)
    #expect(strange.errors.contains("the commands are demo, check, stat"))
    let version = try Tool.run("--version")
    #expect(version.status == 0)
    #expect(version.output.firstMatch(of: try Regex("^[0-9]+\\.[0-9]+\\.[0-9]+\n$")) != nil)
    #expect(try Tool.run("help", "stat").output.contains("USAGE: cow stat"))
  }
}

@Suite("ScanBudget")
struct ScanBudgetTests {
  @Test("a scan that takes long must be earned back before the next")
  func debt() {
    var budget = ScanBudget(duty: 0.05, interval: 2)
    #expect(budget.allowsScan)
    budget.spend(seconds: 0.5)
    #expect(!budget.allowsScan)
    budget.earn(seconds: 7.9)
    #expect(!budget.allowsScan)
    budget.earn(seconds: 0.2)
    #expect(budget.allowsScan)
  }

  @Test("no more than one interval's worth is saved up")
  func limit() {
    var budget = ScanBudget(duty: 0.05, interval: 2)
    budget.earn(seconds: 1000)
    #expect(budget.credit == 0.1)
  }
}
