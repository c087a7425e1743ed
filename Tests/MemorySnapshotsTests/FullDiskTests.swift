import CTestSupport
import Foundation
import MemorySnapshots
import SystemPackage
import Testing

@Suite(
  "A disk that fills up while a snapshot is saved", .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct FullDiskTests {
  @Test(
    "What was written is reported and right, the snapshot stays readable, the region is untouched",
    .enabled(if: geteuid() == 0, "mounting a small disk takes root"))
  func fillsHalfWay() async {
    await #expect(processExitsWith: .success) {
      endIfHanging()
      var path = [CChar](repeating: 0, count: 64)
      let status = unsafe test_support_mount_small_disk(&path, 64 * pageSize)
      try #require(status == 0, "mount(2): \(status)")
      let directory = String(decoding: path.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
      for mode in RegionMode.tested {
        let region = try MemoryRegion(pages: 256, mode)
        for page in 0..<256 { region.fillPages(page..<page + 1, with: UInt8(page % 250 + 1)) }
        let live = region.bytes(in: 0..<region.byteCount)
        let snapshot = try region.makeSnapshot()
        let file = try FileDescriptor.open(
          FilePath(directory + "/snapshot"), .readWrite, options: [.create, .truncate],
          permissions: .ownerReadWrite)
        let error = #expect(throws: SnapshotError.self) { try snapshot.write(to: file) }
        #expect(error?.code == .writeFailed)
        #expect(error?.errno == .noSpace)
        let written = try #require(error?.bytesWritten)
        #expect(written > 0 && written <= 64 * pageSize)
        var bytes = [UInt8](repeating: 0, count: written)
        let count = try unsafe bytes.withUnsafeMutableBytes {
          try unsafe file.read(fromAbsoluteOffset: 0, into: $0)
        }
        #expect(count == written)
        #expect(areEqual(bytes, Array(live[..<written])))
        #expect(areEqual(try snapshot.bytes(in: 0..<region.byteCount), live))
        #expect(areEqual(region.bytes(in: 0..<region.byteCount), live))
        // With room, the same snapshot is saved.
        try file.close()
        let elsewhere = try TemporaryFile()
        try snapshot.write(to: elsewhere.descriptor)
        #expect(areEqual(try elsewhere.read(0, region.byteCount), live))
      }
    }
  }

  @Test(
    "A file that may not grow so large is an error, not a signal, also when it ends in a hole",
    arguments: [UInt8(1), 0], [false, true])
  func fileSizeLimit(_ content: UInt8, _ appends: Bool) async {
    await #expect(processExitsWith: .success) { [content, appends] in
      endIfHanging()
      let region = try MemoryRegion(byteCount: 256 * pageSize)
      region.fillPages(0..<256, with: content)
      let snapshot = try region.makeSnapshot()
      let file = try TemporaryFile(append: appends)
      var limit = rlimit(rlim_cur: UInt(64 * pageSize), rlim_max: .max)
      #expect(unsafe setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0)
      let error = #expect(throws: SnapshotError.self) { try snapshot.write(to: file.descriptor) }
      #expect(error?.code == .writeFailed)
      #expect(error?.errno == .fileTooLarge)
      #expect(try file.size() <= 64 * pageSize)
      #expect(try error?.bytesWritten == file.size())
      #expect(try snapshot.word(ofPage: 255) == (content == 0 ? 0 : 0x0101_0101_0101_0101))
    }
  }
}
