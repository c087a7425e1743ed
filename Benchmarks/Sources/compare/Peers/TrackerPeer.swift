import CPeers
import Foundation

/// Copy-on-write within the process, in plain C.
final class TrackerPeer: Peer {
  private let arena: Arena
  private let tracker: OpaquePointer

  init(_ mechanism: cpeers_mechanism, _ pages: cpeers_pages, byteCount: Int) throws {
    arena = try Arena(pages, byteCount: byteCount)
    guard
      byteCount < cpeers_available_bytes(),
      let tracker = cpeers_tracker_create(mechanism, arena.base, byteCount)
    else { throw PeerError.system("userfaultfd") }
    self.tracker = tracker
  }

  deinit {
    cpeers_tracker_destroy(tracker)
  }

  var base: UnsafeMutableRawPointer { arena.base }
  var byteCount: Int { arena.byteCount }

  func takeSnapshot() throws -> UInt64 {
    var result: Int32 = 0
    let pause = nanoseconds { result = cpeers_tracker_protect(tracker) }
    guard result == 0 else { throw PeerError.system("write-protect") }
    return pause
  }

  /// One snapshot at a time: the newer one has ended the older.
  func releaseOlderSnapshots() {}

  func releaseSnapshots() throws {
    guard cpeers_tracker_unprotect(tracker) == 0 else { throw PeerError.system("un-protect") }
  }

  func checkThatEveryWriteWasPreserved() throws {
    let failure = cpeers_tracker_failure(tracker)
    guard failure == 0 else {
      let pages = cpeers_tracker_preserved_pages(tracker)
      throw PeerError.system("gave up after \(pages) pages", failure)
    }
  }

  func save(to descriptor: Int32) throws {
    guard cpeers_tracker_save(tracker, descriptor) == 0 else { throw PeerError.system("pwrite") }
  }

  var preservedPages: Int { cpeers_tracker_preserved_pages(tracker) }
}
