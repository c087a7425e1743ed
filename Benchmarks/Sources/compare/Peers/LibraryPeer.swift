import CPeers
import MemorySnapshots

/// The library.
final class LibraryPeer: Peer {
  let region: MemoryRegion
  private var snapshots: [MemorySnapshot] = []

  init(
    _ backing: MemoryRegion.Backing, _ delivery: MemoryRegion.FaultDelivery, byteCount: Int
  ) throws {
    guard byteCount < cpeers_available_bytes() else {
      throw PeerError(description: "needs \(byteCount >> 20) MiB of free memory")
    }
    var options = MemoryRegion.Options()
    options.backing = backing
    options.faultDelivery = delivery
    region = try MemoryRegion(byteCount: byteCount, options: options)
    cpeers_arena_fill(region.baseAddress, region.byteCount)
  }

  deinit {
    releaseSnapshots()
  }

  var base: UnsafeMutableRawPointer { region.baseAddress }
  var byteCount: Int { region.byteCount }

  var newestSnapshot: MemorySnapshot? { snapshots.last }

  func takeSnapshot() throws -> UInt64 {
    try nanoseconds { snapshots.append(try region.makeSnapshot()) }
  }

  func releaseOlderSnapshots() {
    for snapshot in snapshots.dropLast() { snapshot.release() }
    snapshots = snapshots.suffix(1)
  }

  func releaseSnapshots() {
    for snapshot in snapshots { snapshot.release() }
    snapshots = []
  }
}
