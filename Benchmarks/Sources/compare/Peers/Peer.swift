import CPeers
import Foundation

/// One way to take copy-on-write snapshots of a range of memory, as the scenarios see it.
protocol Peer: AnyObject {
  /// The memory that the writers write to: populated, every page with a content of its own.
  var base: UnsafeMutableRawPointer { get }
  var byteCount: Int { get }

  /// Takes a snapshot and returns the nanoseconds for which it stopped the calling thread.
  func takeSnapshot() throws -> UInt64

  /// Releases all snapshots but the newest.
  func releaseOlderSnapshots() throws

  /// Releases every snapshot.
  func releaseSnapshots() throws

  /// Throws if a write since the last snapshot was not preserved.
  func checkThatEveryWriteWasPreserved() throws
}

extension Peer {
  var memory: UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(start: base, count: byteCount)
  }

  /// Writes to each of the pages.
  func touch(_ pages: [UInt32]) {
    withExtendedLifetime(self) { cpeers_touch_pages(base, pages, pages.count) }
  }

  func checkThatEveryWriteWasPreserved() throws {}
}

/// A peer by name, made anew for each round, so that only its own memory is there while it runs.
struct Contestant: Named, Sendable {
  var name: String
  var make: @Sendable (_ byteCount: Int) throws -> any Peer
}

struct PeerError: Error, CustomStringConvertible {
  var description: String

  static func system(_ operation: String, _ code: Int32 = errno) -> PeerError {
    PeerError(description: "\(operation): \(String(cString: strerror(code)))")
  }
}

/// Memory of a given kind, mapped, populated and filled; unmapped with its last owner.
final class Arena {
  let base: UnsafeMutableRawPointer
  let byteCount: Int

  init(_ pages: cpeers_pages, byteCount: Int) throws {
    guard byteCount < cpeers_available_bytes() else {
      throw PeerError(description: "needs \(byteCount >> 20) MiB of free memory")
    }
    guard let base = cpeers_arena_map(pages, byteCount) else { throw PeerError.system("mmap") }
    self.base = base
    self.byteCount = byteCount
    cpeers_arena_fill(base, byteCount)
  }

  deinit {
    cpeers_arena_unmap(base, byteCount)
  }
}

/// Nanoseconds that the body takes.
func nanoseconds(_ body: () throws -> Void) rethrows -> UInt64 {
  let began = cpeers_now()
  try body()
  return cpeers_now() - began
}
