import CPeers
import Histogram

/// The time of writes to pages that a snapshot protects.
struct TimedWrites {
  /// From the start of the first writer to the end of the last.
  var nanoseconds: UInt64
  var latencies: Histogram<UInt64>

  /// Takes a snapshot, and writes to the pages from several threads.
  init(to peer: any Peer, _ pages: [UInt32], writers: Int) throws {
    let recorders = try (0..<writers).map { _ in try LatencyRecorder() }
    _ = try peer.takeSnapshot()
    nanoseconds = withExtendedLifetime((peer, recorders)) {
      cpeers_write_pages(peer.base, pages, pages.count, writers, recorders.map(\.recorder))
    }
    try peer.checkThatEveryWriteWasPreserved()
    try peer.releaseSnapshots()
    latencies = .ofNanoseconds()
    for recorder in recorders { recorder.add(to: &latencies) }
  }
}
