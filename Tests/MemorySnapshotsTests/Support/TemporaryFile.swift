import Foundation
import SystemPackage

/// A file without a name, gone with its descriptor.
final class TemporaryFile: Sendable {
  let descriptor: FileDescriptor

  init(_ content: [UInt8] = [], append: Bool = false) throws {
    let template = NSTemporaryDirectory() + "/snapshot-test-XXXXXX"
    var path = Array(template.utf8CString)
    let raw = unsafe mkstemp(&path)
    guard raw >= 0 else { throw Errno(rawValue: errno) }
    unsafe unlink(path)
    descriptor = FileDescriptor(rawValue: raw)
    if !content.isEmpty { try descriptor.writeAll(content) }
    if append { _ = fcntl(raw, F_SETFL, fcntl(raw, F_GETFL) | O_APPEND) }
  }

  deinit { try? descriptor.close() }

  func read(_ offset: Int, _ count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0xee, count: count)
    var done = 0
    while done < count {
      let part = try unsafe bytes.withUnsafeMutableBytes {
        try unsafe descriptor.read(
          fromAbsoluteOffset: Int64(offset + done),
          into: UnsafeMutableRawBufferPointer(rebasing: $0[done...]))
      }
      if part == 0 { break }
      done += part
    }
    return Array(bytes[..<done])
  }

  func size() throws -> Int { try status().st_size }

  /// The memory or disk that the file takes: holes take none.
  func allocatedBytes() throws -> Int { try Int(status().st_blocks) * 512 }

  func offset() throws -> Int { Int(try descriptor.seek(offset: 0, from: .current)) }

  private func status() throws -> stat {
    var status = stat()
    guard unsafe fstat(descriptor.rawValue, &status) == 0 else { throw Errno(rawValue: errno) }
    return status
  }
}
