import Foundation
import Testing

@testable import MemorySnapshots

/// The chains of versions by themselves: no userfaultfd, no region, no snapshot.
@Suite("Version chains")
struct VersionChainsTests {
  /// Chains of a few pages, with records to be had.
  private final class Subject: Sendable {
    let store: Reference<PreimageStore>
    let chains: VersionChains
    static let pageCount = 8

    init() throws {
      store = try PreimageStore.allocate()
      #expect(store.value.refill(reservePages: 1) { _ in true })
      chains = try VersionChains(pageCount: Subject.pageCount, store)
    }

    /// As a resolver does: makes a version of each page in one batch. Returns their numbers.
    func preserve(_ pages: Range<Int>, in epoch: UInt64, isGuess: Bool = false) -> [UInt32] {
      var list = VersionList()
      var numbers: [UInt32] = []
      for page in pages {
        var slots = store.value.allocateRecords(upTo: 1)
        guard let slot = slots.removeFirst() else { return [] }
        let word = chains.table.word(page)
        guard chains.table.claim(page, seen: word, .resolving) else { return [] }
        numbers.append(slot + 1)
        let version = Version(
          location: .slot(UInt32(page) + UInt32(epoch) * 100), lower: word.preserved,
          isGuess: isGuess)
        chains.add(slot + 1, version, of: page, word, in: epoch, to: &list)
      }
      chains.publish(list, in: epoch)
      chains.push(list)
      for page in pages { chains.table.store(page, chains.table.word(page).claimed(.free)) }
      return numbers
    }

    /// The slot that a snapshot of an epoch reads a page from; `nil` for the live page.
    func slot(_ page: Int, asOf epoch: UInt64) -> UInt32? {
      chains.find(page, asOf: epoch)?.location.slot
    }

    func contradiction(in list: VersionList, _ owned: Range<UInt64>) -> String? {
      var kept = 0
      return chains.contradiction(in: list, owned, &kept)?.description
    }

    deinit { unsafe store.free() }
  }

  @Test("A page without versions is read in its live place by every snapshot")
  func isEmpty() throws {
    let subject = try Subject()
    for epoch in 0..<4 as Range<UInt64> { #expect(subject.slot(0, asOf: epoch) == nil) }
    #expect(subject.chains.new.count == 0)
  }

  @Test("A version serves the snapshots since the one before it, and no later one")
  func servesInterval() throws {
    let subject = try Subject()
    _ = subject.preserve(2..<3, in: 2)
    _ = subject.preserve(2..<3, in: 5)
    for epoch in 1...2 as ClosedRange<UInt64> { #expect(subject.slot(2, asOf: epoch) == 202) }
    for epoch in 3...5 as ClosedRange<UInt64> { #expect(subject.slot(2, asOf: epoch) == 502) }
    #expect(subject.slot(2, asOf: 6) == nil)
    #expect(subject.slot(1, asOf: 1) == nil)
    #expect(subject.chains.find(2, asOf: 3)?.lower == 2)
  }

  @Test("A guess is told from a fault")
  func knowsGuesses() throws {
    let subject = try Subject()
    _ = subject.preserve(0..<1, in: 1, isGuess: true)
    _ = subject.preserve(1..<2, in: 1)
    #expect(subject.chains.find(0, asOf: 1)?.isGuess == true)
    #expect(subject.chains.find(1, asOf: 1)?.isGuess == false)
    #expect(subject.chains.find(0, asOf: 1)?.lower == 0)
  }

  @Test("What was published is found by the groups of pages, too")
  func raisesGroups() throws {
    let subject = try Subject()
    _ = subject.preserve(3..<5, in: 7)
    let all = 0..<Subject.pageCount
    #expect(subject.chains.table.nextRun(preservedSince: 7, in: all, limit: 8) == 3..<5)
    #expect(subject.chains.table.nextRun(preservedSince: 8, in: all, limit: 8) == nil)
  }

  @Test("New versions are handed over once, linked both ways, whatever batches they came in")
  func handsOver() throws {
    let subject = try Subject()
    let first = subject.preserve(0..<3, in: 1)
    let second = subject.preserve(3..<4, in: 1)
    let third = subject.preserve(4..<6, in: 1)
    #expect(subject.contradiction(in: subject.chains.new, 1..<2) == nil)
    let list = subject.chains.takeNew()
    #expect(list.count == 6)
    #expect(subject.chains.new.count == 0)
    #expect(subject.contradiction(in: list, 1..<2) == nil)
    // The last batch first, each in its own order.
    var numbers: [UInt32] = []
    var number = list.first
    while number != 0, numbers.count <= 6 {
      numbers.append(number)
      number = subject.chains.record(number).value.next
    }
    #expect(numbers == third + second + first)
  }

  @Test("Lists are joined, and lose versions at both ends and between")
  func joinsLists() throws {
    let subject = try Subject()
    let numbers = subject.preserve(0..<3, in: 1)
    var list = subject.chains.takeNew()
    _ = subject.preserve(3..<5, in: 1)
    let other = subject.chains.takeNew()
    subject.chains.append(other, to: &list)
    #expect(list.count == 5)
    #expect(subject.contradiction(in: list, 1..<2) == nil)
    for number in [numbers[0], numbers[2], other.last] {
      subject.chains.remove(number, from: &list)
      #expect(subject.contradiction(in: list, 1..<2) == nil)
    }
    #expect(list.count == 2)
    #expect(list.first == numbers[1])
    var empty = VersionList()
    subject.chains.append(list, to: &empty)
    #expect(empty.count == 2)
  }

  @Test(
    "A version that is unlinked is gone from its page's chain, and the others stay",
    arguments: 0..<3)
  func unlinks(_ index: Int) throws {
    let subject = try Subject()
    let epochs: [UInt64] = [2, 4, 6]
    let numbers = epochs.flatMap { subject.preserve(1..<2, in: $0) }
    #expect(subject.chains.unlink(numbers[index]).slot == UInt32(epochs[index]) * 100 + 1)
    for (position, epoch) in epochs.enumerated() {
      // A snapshot whose version is gone reads the next newer, or the live page.
      let expected =
        position == index
        ? (index < 2 ? UInt32(epochs[index + 1]) * 100 + 1 : nil)
        : UInt32(epoch) * 100 + 1
      #expect(subject.slot(1, asOf: epoch) == expected)
    }
    #expect(subject.chains.table.word(1).isFree)
    #expect(subject.chains.table.word(1).preserved == 6)
    let free = subject.store.value.allocateRecords(upTo: 64)
    #expect(free.first == numbers[index] - 1)
    subject.store.value.deallocateRecords(free)
  }

  @Test("The next newer version is found by its epoch")
  func findsNewer() throws {
    let subject = try Subject()
    let numbers = [2, 4].flatMap { subject.preserve(1..<2, in: $0) }
    #expect(subject.chains.newerVersion(of: numbers[0], in: 3..<5) == numbers[1])
    #expect(subject.chains.newerVersion(of: numbers[0], in: 5..<9) == nil)
    #expect(subject.chains.newerVersion(of: numbers[1], in: 0..<9) == nil)
    #expect(subject.chains.table.word(1).isFree)
  }

  @Test("A contradiction is noticed: a wrong owner, a wrong count, a page that leads elsewhere")
  func noticesContradictions() throws {
    let subject = try Subject()
    let numbers = subject.preserve(0..<2, in: 3)
    let list = subject.chains.takeNew()
    #expect(subject.contradiction(in: list, 3..<4) == nil)
    #expect(subject.contradiction(in: list, 4..<5) != nil)
    let miscounted = VersionList(first: list.first, last: list.last, count: 3)
    #expect(subject.contradiction(in: miscounted, 3..<4) != nil)
    let word = subject.chains.table.word(0)
    subject.chains.table.store(0, word.with(newestVersion: numbers[1]))
    #expect(subject.contradiction(in: list, 3..<4) != nil)
    subject.chains.table.store(0, word)
    #expect(subject.contradiction(in: list, 3..<4) == nil)
  }

  @Test("A reader finds the right version while others are unlinked and their records used again")
  func findsWhileUnlinking() async throws {
    let subject = try Subject()
    let kept = subject.preserve(0..<1, in: 1)
    let stop = Shared(false)
    async let mistakes: Int = onThread {
      var mistakes = 0
      while !stop.isSet {
        // Behind all others, and never unlinked.
        let found = subject.chains.find(0, asOf: 1)
        if found?.location.slot != 100 || found?.lower != 0 { mistakes += 1 }
      }
      return mistakes
    }
    for round in 1...(runsLongTests ? 200_000 : 5_000) as ClosedRange<UInt64> {
      let numbers = (0..<3).flatMap { subject.preserve(0..<1, in: round * 4 + $0) }
      for number in round % 2 == 0 ? numbers : numbers.reversed() {
        _ = subject.chains.unlink(number)
      }
      _ = subject.chains.takeNew()
    }
    stop.set()
    #expect(try await mistakes == 0)
    #expect(subject.chains.table.word(0).newestVersion == kept[0])
  }
}
