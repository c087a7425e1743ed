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
  func mergedPages() throws {
    try withSystemState {
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

  @Test("swapped pages that a fork shares are one slot each, until one side writes")
  func swappedPages() throws {
    try withSystemState {
      let swap = try SwapFile(megabytes: 32)
      defer { swap.remove() }
      let scenario = try Scenario("swap", "400")
      let shared = try scenario.tree()
      for process in shared.processes { #expect(pages(process.memory) == ["swapped": 400]) }
      #expect(shared.total.distinct.pages == 400)
      #expect(shared.total.naive.bytes == 0)
      #expect(shared.total.couldStillCopy.pages == 400)
      #expect(shared.total.copiesMade.bytes == 0)
      try scenario.next()
      let parted = try scenario.tree()
      #expect(
        pages(parted[scenario.root]?.memory)
          == ["resident": 200, "private": 200, "swapped": 200])
      #expect(pages(parted[scenario.children[0]]?.memory) == ["swapped": 400])
      #expect(parted[scenario.children[0]]?.diverged?.pages == 200)
      #expect(parted.total.copiesMade.pages == 200)
      #expect(parted.total.distinct.pages == 600)
      // Markers and guard pages look like swapped pages; with swap space they still are none.
      let marked = try Scenario("protected", "unpopulated", "100", "80").tree()
      #expect(marked.total.memory.swapped.bytes == 0)
      let guarded = try Scenario("protected", "guard", "100", "10").tree()
      #expect(guarded.total.memory.swapped.bytes == 0)
    }
  }
}
