import CTestSupport
import Foundation
import SystemPackage

/// Memory of a test's own. Safe to share: where it is never changes.
@safe
final class TestMapping: @unchecked Sendable {
  let buffer: UnsafeMutableRawBufferPointer
  private let isMapped: Bool

  convenience init(_ kind: AdoptingTests.Kind, pages: Int) throws {
    let count = pages * pageSize
    switch kind {
    case .anonymous: try self.init(flags: MAP_PRIVATE | MAP_ANONYMOUS, file: nil, pages: pages)
    case .sharedAnonymous: try self.init(flags: MAP_SHARED | MAP_ANONYMOUS, file: nil, pages: pages)
    case .memoryFile, .posixShared:
      let file =
        kind == .memoryFile
        ? test_support_create_memory_file()
        : TestMapping.openPosixShared("/snapshot-test-\(getpid())")
      guard file >= 0, ftruncate(file, count) == 0 else { throw Errno(rawValue: errno) }
      defer { close(file) }
      try self.init(flags: MAP_SHARED, file: FileDescriptor(rawValue: file), pages: pages)
    case .aligned: try self.init(alignedPages: pages)
    }
  }

  init(flags: Int32, file: FileDescriptor?, pages: Int) throws {
    let start = unsafe mmap(
      nil, pages * pageSize, PROT_READ | PROT_WRITE, flags, file?.rawValue ?? -1, 0)
    guard unsafe start != MAP_FAILED else { throw Errno(rawValue: errno) }
    unsafe buffer = UnsafeMutableRawBufferPointer(start: start, count: pages * pageSize)
    isMapped = true
  }

  private init(alignedPages pages: Int) throws {
    var start: UnsafeMutableRawPointer?
    guard unsafe posix_memalign(&start, pageSize, pages * pageSize) == 0 else {
      throw Errno.noMemory
    }
    unsafe buffer = UnsafeMutableRawBufferPointer(start: start, count: pages * pageSize)
    unsafe buffer.initializeMemory(as: UInt8.self, repeating: 0)
    isMapped = false
  }

  deinit {
    if isMapped {
      unsafe munmap(buffer.baseAddress, buffer.count)
    } else {
      unsafe free(buffer.baseAddress)
    }
  }

  func fill(with byte: UInt8) {
    unsafe buffer.initializeMemory(as: UInt8.self, repeating: byte)
  }

  private static func openPosixShared(_ name: String) -> Int32 {
    let file = unsafe shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0o600)
    unsafe shm_unlink(name)
    return file
  }
}
