import Foundation
import Synchronization
import SystemPackage

/// One end of a pipe or of a socket pair.
final class Stream: Sendable {
  let descriptor: FileDescriptor
  private let isClosed = Shared(false)

  private init(_ raw: Int32) { descriptor = FileDescriptor(rawValue: raw) }

  deinit { close() }

  static func pair(socket: Bool) throws -> (reading: Stream, writing: Stream) {
    var ends: [Int32] = [-1, -1]
    let status =
      unsafe socket
      ? socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) : pipe(&ends)
    guard status == 0 else { throw Errno(rawValue: errno) }
    return (Stream(ends[0]), Stream(ends[1]))
  }

  func close() {
    if !isClosed.value.exchange(true, ordering: .acquiringAndReleasing) { try? descriptor.close() }
  }

  func doNotBlock() {
    _ = fcntl(descriptor.rawValue, F_SETFL, fcntl(descriptor.rawValue, F_GETFL) | O_NONBLOCK)
  }

  /// Reads `count` bytes, or fewer at the end.
  func read(_ count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var done = 0
    while done < count {
      let part = try unsafe bytes.withUnsafeMutableBytes {
        try unsafe descriptor.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[done...]))
      }
      if part == 0 { break }
      done += part
    }
    return Array(bytes[..<done])
  }

  func readAll() throws -> [UInt8] {
    var all: [UInt8] = []
    while case let part = try read(1 << 16), !part.isEmpty { all += part }
    return all
  }

  func write(_ bytes: [UInt8]) throws { try descriptor.writeAll(bytes) }
}
