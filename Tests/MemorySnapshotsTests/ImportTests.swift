// On purpose without SystemPackage: saving a snapshot needs one import.
import MemorySnapshots
import Testing

@Suite("What comes with the library")
struct ImportTests {
  @Test("A file to save to is opened without another import")
  func opening() throws {
    let region = try MemoryRegion(pages: 2)
    let file = unsafe try FileDescriptor.open("/dev/null", .writeOnly)
    defer { try? file.close() }
    try region.makeSnapshot().write(to: file)
    let reading = unsafe try FileDescriptor.open("/dev/null", .readOnly)
    defer { try? reading.close() }
    let error = #expect(throws: SnapshotError.self) {
      try region.makeSnapshot().write(to: reading)
    }
    #expect(error?.errno == .badFileDescriptor)
  }
}
