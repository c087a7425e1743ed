import Glibc
import MemorySnapshots
import Synchronization

// Children of a fork that use the library for themselves.

/// Children make regions of their own, of other sizes than their parent's: in part where those were.
func forksOfOtherSizes() throws {
  var numbers = Numbers(seed: 20261124)
  for round in 0..<24 {
    var ours: [Piece] = []
    for index in 0..<1 + numbers.next(below: 6) {
      ours.append(
        try Piece(
          pages: 1 + numbers.next(below: 200), index % 2 == 0 ? .anonymous : .sharedMemory,
          value: UInt64(round * 10 + index + 1)))
    }
    let seed = round
    let status = statusOfChild {
      var numbers = Numbers(seed: seed)
      var own: [Piece] = []
      for index in 0..<1 + numbers.next(below: 8) {
        own.append(
          try Piece(
            pages: 1 + numbers.next(below: 300), index % 2 == 0 ? .sharedMemory : .anonymous,
            value: UInt64(1000 + index)))
      }
      for piece in own {
        for _ in 0..<piece.pages { piece.write(7, to: numbers.next(below: piece.pages)) }
      }
      // The parent's objects go, before or after the child's own.
      if seed % 2 == 0 { ours = [] }
      return try own.allSatisfy { try $0.isIntact() }
    }
    check(status == 0, "round \(round): the child ended with status \(status)")
    for piece in ours {
      for page in 0..<piece.pages { piece.write(9, to: page) }
      check(try piece.isIntact(), "round \(round): the parent's snapshot has changed")
    }
  }
}

/// Children are made while other threads make regions and let them go: what those were changing, and
/// the locks that they held, must not matter in the child.
func forksUnderChange() throws {
  // What the runtime makes once, with locks of its own that a child would find held.
  check(try Piece(pages: 4, .anonymous, value: 1).isIntact(), "the first region")
  let stop = Stop()
  // Alone, a thread makes a fault handler for each region: it holds the lock for most of the time.
  let threads = (0..<(delivery == .inline ? 3 : 1)).map { index in
    startThread {
      var numbers = Numbers(seed: index)
      while !stop.isSet {
        let backing: MemoryRegion.Backing = index == 0 ? .sharedMemory : .anonymous
        guard let piece = try? Piece(pages: 1 + numbers.next(below: 8), backing, value: 3) else {
          fail("a region could not be made")
        }
        piece.write(4, to: 0)
      }
    }
  }
  for round in 0..<80 {
    let status = statusOfChild {
      let piece = try Piece(pages: 1 + round % 40, .anonymous, value: 5)
      let other = try Piece(pages: 1 + round % 7, .sharedMemory, value: 6)
      for page in 0..<piece.pages { piece.write(7, to: page) }
      for page in 0..<other.pages { other.write(7, to: page) }
      return try piece.isIntact() && other.isIntact()
    }
    check(status == 0, "round \(round): the child ended with status \(status)")
  }
  stop.set()
  for thread in threads { pthread_join(thread, nil) }
}

/// Tells threads to end.
final class Stop: Sendable {
  private let word = Atomic<Bool>(false)
  var isSet: Bool { word.load(ordering: .acquiring) }
  func set() { word.store(true, ordering: .releasing) }
}

/// How often a thread has done what it does.
final class Rounds: Sendable {
  private let word = Atomic<Int>(0)
  var number: Int { word.load(ordering: .acquiring) }
  func count() { word.add(1, ordering: .releasing) }
}
