import CPeers
import Foundation
import MemorySnapshots
import SystemPackage

/// How the store's snapshots are taken and saved. `takeSnapshot` runs in the updating thread, the
/// function that it returns in the saving thread, and never two of them at once.
protocol StoreSaver: AnyObject {
  var base: UnsafeMutableRawPointer { get }

  /// Takes a snapshot and returns what saves and releases it, or `nil` from one that takes none.
  func takeSnapshot(savingTo target: FileDescriptor) throws -> Save?

  /// Returns the bytes that the snapshot cost by the time that it was saved.
  typealias Save = () throws -> Int
}

/// A contestant in the store scenario.
struct StoreContestant: Named, Sendable {
  var name: String
  var make: @Sendable (_ byteCount: Int) throws -> any StoreSaver

  static let all: [StoreContestant] = [
    StoreContestant(name: "no snapshots") { try UnsavedStore(byteCount: $0) },
    StoreContestant(name: Contestant.fork.name) { try ForkSaver(byteCount: $0) },
    StoreContestant(name: Contestant.copy.name) { try CopySaver(byteCount: $0) },
    StoreContestant(name: Contestant.signalInC.name) { try TrackerSaver(byteCount: $0) },
    StoreContestant(name: Contestant.handlerThread.name) {
      try LibrarySaver(.sharedMemory, .handlerThread, byteCount: $0)
    },
    StoreContestant(name: Contestant.inline.name) {
      try LibrarySaver(.sharedMemory, .inline, byteCount: $0)
    },
    StoreContestant(name: Contestant.hugePagesInline.name) {
      try LibrarySaver(.anonymous, .inline, byteCount: $0)
    },
  ]
}

/// What the load costs by itself.
private final class UnsavedStore: StoreSaver {
  private let arena: Arena

  init(byteCount: Int) throws {
    arena = try Arena(CPEERS_PAGES_ANONYMOUS_SMALL, byteCount: byteCount)
  }

  var base: UnsafeMutableRawPointer { arena.base }

  func takeSnapshot(savingTo target: FileDescriptor) -> Save? {
    nil
  }
}

/// The child writes its memory out, as a database's background save does.
private final class ForkSaver: StoreSaver {
  private let arena: Arena

  init(byteCount: Int) throws {
    arena = try Arena(CPEERS_PAGES_ANONYMOUS_SMALL, byteCount: byteCount)
  }

  var base: UnsafeMutableRawPointer { arena.base }

  func takeSnapshot(savingTo target: FileDescriptor) throws -> Save? {
    var child = cpeers_child()
    guard cpeers_child_fork_and_save(&child, base, arena.byteCount, target.rawValue) == 0 else {
      throw PeerError.system("fork")
    }
    return { [child] in
      var child = child
      defer { cpeers_child_end(&child) }
      var report = cpeers_save_report()
      guard cpeers_child_wait_for_save(&child, &report) == 0, report.error == 0 else {
        throw PeerError.system("save", report.error)
      }
      return Int(report.extra_bytes)
    }
  }
}

private final class CopySaver: StoreSaver {
  private let peer: CopyPeer

  init(byteCount: Int) throws {
    peer = try CopyPeer(CPEERS_PAGES_ANONYMOUS_SMALL, byteCount: byteCount)
  }

  var base: UnsafeMutableRawPointer { peer.base }

  func takeSnapshot(savingTo target: FileDescriptor) -> Save? {
    _ = peer.takeSnapshot()
    return { [peer] in
      try target.writeAll(toAbsoluteOffset: 0, peer.image)
      return peer.image.count
    }
  }
}

private final class TrackerSaver: StoreSaver {
  private let peer: TrackerPeer

  init(byteCount: Int) throws {
    peer = try TrackerPeer(
      CPEERS_MECHANISM_USERFAULTFD_SIGBUS, CPEERS_PAGES_SHARED, byteCount: byteCount)
  }

  var base: UnsafeMutableRawPointer { peer.base }

  func takeSnapshot(savingTo target: FileDescriptor) throws -> Save? {
    _ = try peer.takeSnapshot()
    return { [peer] in
      try peer.save(to: target.rawValue)
      try peer.checkThatEveryWriteWasPreserved()
      let bytes = peer.preservedPages * pageSize
      try peer.releaseSnapshots()
      return bytes
    }
  }
}

private final class LibrarySaver: StoreSaver {
  private let peer: LibraryPeer
  private let bytesBefore: Int

  init(
    _ backing: MemoryRegion.Backing, _ delivery: MemoryRegion.FaultDelivery, byteCount: Int
  ) throws {
    // Before the region is made, so that what it sets aside in advance counts too.
    bytesBefore = cpeers_proportional_bytes(getpid()) + byteCount
    peer = try LibraryPeer(backing, delivery, byteCount: byteCount)
  }

  var base: UnsafeMutableRawPointer { peer.base }

  func takeSnapshot(savingTo target: FileDescriptor) throws -> Save? {
    let snapshot = try peer.region.makeSnapshot()
    return { [bytesBefore] in
      try target.seek(offset: 0, from: .start)
      try snapshot.consume(to: target)
      return cpeers_proportional_bytes(getpid()) - bytesBefore
    }
  }
}
