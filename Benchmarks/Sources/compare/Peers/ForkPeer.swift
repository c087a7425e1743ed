import CPeers

/// The kernel's own copy-on-write: a snapshot is a forked child that sleeps.
final class ForkPeer: Peer {
  private let arena: Arena
  private var children: [cpeers_child] = []

  init(_ pages: cpeers_pages, byteCount: Int) throws {
    arena = try Arena(pages, byteCount: byteCount)
  }

  deinit {
    releaseSnapshots()
  }

  var base: UnsafeMutableRawPointer { arena.base }
  var byteCount: Int { arena.byteCount }

  var processes: [pid_t] { children.map(\.process) }

  func takeSnapshot() throws -> UInt64 {
    var child = cpeers_child()
    guard cpeers_child_fork(&child) == 0 else { throw PeerError.system("fork") }
    children.append(child)
    return child.fork_nanoseconds
  }

  func releaseOlderSnapshots() {
    release(children.dropLast())
    children = Array(children.suffix(1))
  }

  func releaseSnapshots() {
    release(children[...])
    children = []
  }

  private func release(_ children: ArraySlice<cpeers_child>) {
    for var child in children { cpeers_child_end(&child) }
  }
}
