import CCancellationPoints
import CTestSupport
import Glibc
import MemorySnapshots

/// SplitMix64: the same numbers in each run.
struct Numbers {
  private var state: UInt64

  init(seed: Int) { state = UInt64(seed) }

  mutating func next(below bound: Int) -> Int {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = (state ^ state >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return Int((mixed ^ mixed >> 31) % UInt64(bound))
  }
}

/// A region with a snapshot whose pages hold `value`, and a view of it.
final class Piece {
  let region: MemoryRegion
  let snapshot: MemorySnapshot
  private let view: SnapshotView
  private let value: UInt64

  init(pages: Int, _ backing: MemoryRegion.Backing, value: UInt64) throws {
    let options = MemoryRegion.Options(backing: backing, faultDelivery: delivery)
    region = try MemoryRegion(byteCount: pages * pageSize, options: options)
    self.value = value
    for page in 0..<pages { Piece.store(value, in: region, page) }
    snapshot = try region.makeSnapshot()
    view = try snapshot.makeView()
  }

  var pages: Int { region.byteCount / pageSize }

  private static func store(_ value: UInt64, in region: MemoryRegion, _ page: Int) {
    unsafe region.baseAddress.storeBytes(of: value, toByteOffset: page * pageSize, as: UInt64.self)
  }

  func write(_ value: UInt64, to page: Int) { Piece.store(value, in: region, page) }

  /// Whether the snapshot and its view are as they were taken.
  func isIntact() throws -> Bool {
    for page in 0..<pages {
      var word: UInt64 = 0
      let start = page * pageSize
      try unsafe withUnsafeMutableBytes(of: &word) {
        try unsafe snapshot.copyBytes(in: start..<start + 8, into: $0)
      }
      let seen = unsafe view.withUnsafeBytes {
        unsafe $0.load(fromByteOffset: start, as: UInt64.self)
      }
      guard word == value, seen == value else { return false }
    }
    return true
  }
}

/// Threads are cancelled in the middle of their faults, and leave nothing locked.
func cancelWriters() throws {
  for round in 0..<400 {
    let piece = try Piece(pages: 64, round % 2 == 0 ? .anonymous : .sharedMemory, value: 1)
    let status = unsafe test_support_cancel_writer(
      piece.region.baseAddress, pageSize, 64, UInt32(round % 40 * 10))
    check(status == 0, "the writer was not cancelled: \(status)")
    // Waits for ever if a gate or a claim is held.
    for page in 0..<64 { piece.write(UInt64(round), to: page) }
    check(try piece.isIntact(), "the snapshot has changed in round \(round)")
    _ = try piece.region.makeSnapshot()
  }
}

/// Runs `body` in a forked child. Returns its status: 0 if `body` says true.
func statusOfChild(_ body: () throws -> Bool) -> Int32 {
  let child = fork()
  if child == 0 {
    // Not inherited; a child that hangs is the failure looked for.
    alarm(60)
    let isRight = (try? body()) ?? false
    _exit(isRight ? 0 : 1)
  }
  var status: Int32 = -1
  while unsafe waitpid(child, &status, 0) < 0, errno == EINTR {}
  return status
}

func startThread(_ body: @escaping @Sendable () -> Void) -> pthread_t {
  final class Body: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }
  var thread = pthread_t()
  let argument = unsafe Unmanaged.passRetained(Body(body)).toOpaque()
  let status = unsafe pthread_create(
    &thread, nil,
    { argument in
      guard let argument = unsafe argument else { return nil }
      unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
      return nil
    }, argument)
  check(status == 0, "pthread_create: \(status)")
  return thread
}

/// Faults and the library's calls meet no cancellation point while the thread may not be cancelled.
func lookForCancellationPoints() throws {
  for backing in MemoryRegion.Backing.allCases {
    for isLocked in [false, true] {
      let piece = try Piece(pages: 256, backing, value: 1)
      if isLocked { _ = unsafe mlock(piece.region.baseAddress, 64 * pageSize) }
      // For many milliseconds: the kernel is asked for its settings in a fault once in one of them.
      for round in 0..<100 {
        for page in 0..<256 where page % 8 == round % 8 { piece.write(UInt64(round), to: page) }
        let snapshot = try piece.region.makeSnapshot()
        let view = try snapshot.makeView()
        piece.write(7, to: round)
        _ = unsafe view.withUnsafeBytes { unsafe $0[100 * pageSize] }
        try piece.region.prepareToWrite(0..<16 * pageSize)
        try piece.region.discard(32 * pageSize..<40 * pageSize)
        try piece.region.restore(to: snapshot)
        _ = try piece.region.changedRanges(since: snapshot)
        try piece.region.checkConsistency()
      }
    }
  }
  let met = cancellation_points_met()
  check(met == 0, "\(met) cancellation points met by threads that may not be cancelled")
}
