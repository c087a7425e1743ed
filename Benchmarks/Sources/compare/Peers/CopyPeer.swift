import CPeers
import Foundation

/// Stop and copy: a snapshot is a copy of everything, into memory that is populated beforehand.
final class CopyPeer: Peer {
  private let arena: Arena
  private let copy: Arena

  init(_ pages: cpeers_pages, byteCount: Int) throws {
    arena = try Arena(pages, byteCount: byteCount)
    copy = try Arena(CPEERS_PAGES_ANONYMOUS_HUGE, byteCount: byteCount)
  }

  var base: UnsafeMutableRawPointer { arena.base }
  var byteCount: Int { arena.byteCount }

  var image: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: copy.base, count: copy.byteCount)
  }

  func takeSnapshot() -> UInt64 {
    nanoseconds { copy.base.copyMemory(from: arena.base, byteCount: arena.byteCount) }
  }

  func releaseOlderSnapshots() {}

  func releaseSnapshots() {}
}
