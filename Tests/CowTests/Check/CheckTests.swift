import Foundation
import MemorySnapshots
import Testing

@Suite struct `cow check` {
  @Test func `says in words what the library found`() throws {
    let support = UserfaultSupport()
    let outcome = try Tool.run("check")
    #expect(outcome.output == support.description + "\n")
    #expect(outcome.errors == "")
    #expect(outcome.status == (support.supports(.anonymous) ? 0 : 69))
  }

  @Test func `says the same as JSON`() throws {
    let outcome = try Tool.run("check", "--json")
    let decoded = try JSONDecoder().decode(
      UserfaultSupport.self, from: Data(outcome.output.utf8))
    #expect(decoded == UserfaultSupport())
  }
}
