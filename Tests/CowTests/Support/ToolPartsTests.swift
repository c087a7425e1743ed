import MemoryAccounting
import Testing

@testable import cow

@Suite("ByteUnit")
struct ByteUnitTests {
  @Test(
    "amounts get the unit that leaves one to three digits",
    arguments: [
      (0, "0 B"), (999, "999 B"), (1000, "1 kB"), (4096, "4.1 kB"), (999_949, "999.9 kB"),
      (999_950, "1 MB"), (254_000_000, "254 MB"), (999_999_999, "1 GB"),
      (12_345_678_901_234, "12345.7 GB"),
    ] as [(UInt64, String)])
  func automatic(amount: UInt64, text: String) {
    #expect(ByteUnit.auto.text(amount) == text)
  }

  @Test("a fixed unit is kept")
  func fixed() {
    #expect(ByteUnit.MiB.text(1 << 20) == "1 MiB")
    #expect(ByteUnit.MiB.text(1 << 30) == "1024 MiB")
    #expect(ByteUnit.KiB.text(512) == "0.5 KiB")
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
