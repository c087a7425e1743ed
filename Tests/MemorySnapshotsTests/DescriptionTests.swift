import Foundation
import MemorySnapshots
import Testing

@Suite("What regions and snapshots say of themselves")
struct DescriptionTests {
  private static let unusual = MemoryRegion.Options(
    backing: .anonymous, faultDelivery: .inline, storeLimit: 3 << 20,
    whenStoreIsFull: .blockWriters,
    tracksChangesWhenIdle: true, preservesAhead: false, preservesHotPages: false,
    handlerThreadCount: 3)

  @Test("Options survive encoding", arguments: [MemoryRegion.Options(), unusual])
  func coding(_ options: MemoryRegion.Options) throws {
    let data = try JSONEncoder().encode(options)
    #expect(try JSONDecoder().decode(MemoryRegion.Options.self, from: data) == options)
  }

  @Test("Options that are not there have their defaults")
  func partial() throws {
    let text = #"{"storeLimit": 4096, "backing": "anonymous"}"#
    let options = try JSONDecoder().decode(MemoryRegion.Options.self, from: Data(text.utf8))
    #expect(options == MemoryRegion.Options(backing: .anonymous, storeLimit: 4096))
    let none = try JSONDecoder().decode(MemoryRegion.Options.self, from: Data("{}".utf8))
    #expect(none == MemoryRegion.Options())
  }

  @Test(
    "A misspelt option, and a value that makes no sense, are refused",
    arguments: [
      #"{"storelimit": 4096}"#, #"{"backing": "disk"}"#, #"{"storeLimit": "much"}"#, "[]",
    ])
  func misspelt(_ text: String) {
    let error = #expect(throws: DecodingError.self) {
      try JSONDecoder().decode(MemoryRegion.Options.self, from: Data(text.utf8))
    }
    if case .dataCorrupted(let context) = error, text.contains("storelimit") {
      #expect(context.debugDescription.contains("no option 'storelimit'; there are backing, "))
    }
  }

  @Test("Options say what they are")
  func options() {
    #expect(MemoryRegion.Options().description == "sharedMemory, handlerThread")
    #expect(
      DescriptionTests.unusual.description
        == "anonymous, inline, storeLimit 3.0 MiB, blockWriters, tracksChangesWhenIdle, "
        + "not preservesAhead, not preservesHotPages, 3 handler threads")
    #expect(
      MemoryRegion.Options(hasOwnHandler: true).description
        == "sharedMemory, handlerThread, hasOwnHandler")
  }

  @Test("A region, a snapshot and a view print what they are", arguments: RegionMode.tested)
  func printing(_ mode: RegionMode) throws {
    let region = try MemoryRegion(byteCount: 2 << 20, options: mode.options)
    let address = unsafe String(UInt(bitPattern: region.baseAddress), radix: 16)
    func regionText(_ live: Int) -> String {
      "MemoryRegion(2.0 MiB at 0x\(address), \(mode.options), \(live) snapshots live)"
    }
    #expect("\(region)" == regionText(0))
    let first = try region.makeSnapshot()
    let snapshot = try region.makeSnapshot()
    #expect("\(snapshot)" == "MemorySnapshot(number 2, live, of \(regionText(2)))")
    let view = try snapshot.makeView()
    #expect("\(view)".hasPrefix("SnapshotView(at 0x"))
    #expect("\(view)".hasSuffix(", of \(snapshot))"))
    first.release()
    #expect("\(first)" == "MemorySnapshot(number 1, released, of \(regionText(1)))")
  }

  @Test("A snapshot that was given up says so", arguments: RegionMode.tested(guessing: false))
  func invalidated(_ mode: RegionMode) async throws {
    let region = try MemoryRegion(pages: 16, mode) { $0.storeLimit = 2 * pageSize }
    region.fillPages(0..<16, with: 1)
    let snapshot = try region.makeSnapshot()
    region.fillPages(0..<16, with: 2)
    #expect("\(snapshot)".hasPrefix("MemorySnapshot(number 1, invalidated, of MemoryRegion("))
  }
}
