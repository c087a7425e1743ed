internal import SystemPackage
internal import Synchronization

/// Slots that were allocated together: 64 at the most, near each other, with gaps or without.
struct SlotSet {
  private let base: UInt32
  private var bits: UInt64

  @_noLocks
  init(word: Int, bits: UInt64) {
    base = UInt32(truncatingIfNeeded: word * 64)
    self.bits = bits
  }

  @_noLocks
  init() {
    base = 0
    bits = 0
  }

  static var capacity: Int {
    @_noLocks get { 64 }
  }

  var count: Int {
    @_noLocks get { bits.nonzeroBitCount }
  }

  var first: UInt32? {
    @_noLocks get { bits == 0 ? nil : base + UInt32(truncatingIfNeeded: bits.trailingZeroBitCount) }
  }

  /// How many follow each other without a gap, from the first on.
  var leadingNeighbourCount: Int {
    @_noLocks get { (~(bits >> UInt64(bits.trailingZeroBitCount))).trailingZeroBitCount }
  }

  /// The word of the index that they are in, and their bits there.
  fileprivate var place: (word: Int, bits: UInt64) {
    @_noLocks get { (Int(base) / 64, bits) }
  }

  @_noLocks
  mutating func removeFirst() -> UInt32? {
    guard let slot = first else { return nil }
    bits &= bits - 1
    return slot
  }
}

/// Which slots of a pool are free: a bitmap, and two levels of bits above it that say which words
/// below are not empty. Any thread allocates and frees without a lock; the lowest free slot goes
/// first, so that the chunks at the end fall empty and can be handed back.
struct FreeSlotIndex: ~Copyable, Sendable {
  private let memory: Mapping
  private let slots: FixedArray<Word>
  private let groups: FixedArray<Word>
  private let supergroups: FixedArray<Word>

  init(capacity: Int) throws(Errno) {
    let slotWords = capacity / 64 + 1
    let groupWords = slotWords / 64 + 1
    let supergroupWords = groupWords / 64 + 1
    memory = try Mapping(anonymous: (slotWords + groupWords + supergroupWords) * 8)
    slots = unsafe FixedArray(zeroed: memory.address, count: slotWords)
    groups = unsafe FixedArray(zeroed: memory.address + UInt(slotWords * 8), count: groupWords)
    supergroups = unsafe FixedArray(
      zeroed: memory.address + UInt((slotWords + groupWords) * 8), count: supergroupWords)
  }

  /// Takes the lowest free slots, as many of `count` as are to be had at once; none if there are
  /// none.
  @_noLocks
  func allocate(upTo count: Int) -> SlotSet {
    for supergroup in 0..<supergroups.count {
      var groupBits = supergroups[supergroup].bits.load(ordering: .acquiring)
      while groupBits != 0 {
        let group = supergroup * 64 + groupBits.trailingZeroBitCount
        var wordBits = groups[group].bits.load(ordering: .acquiring)
        while wordBits != 0 {
          let word = group * 64 + wordBits.trailingZeroBitCount
          let bits = takeLowest(count, in: word)
          if bits != 0 { return SlotSet(word: word, bits: bits) }
          wordBits &= wordBits - 1
        }
        groupBits &= groupBits - 1
      }
    }
    return SlotSet()
  }

  @_noLocks
  private func takeLowest(_ count: Int, in word: Int) -> UInt64 {
    var seen = slots[word].bits.load(ordering: .relaxed)
    while seen != 0 {
      let rest = seen.withoutLowestBits(count)
      // Sequentially consistent: see `clearSummary`. So also acquiring: what the slot's last user read of
      // it happens before what we write to it.
      let (exchanged, original) = slots[word].bits.compareExchange(
        expected: seen, desired: rest, ordering: .sequentiallyConsistent)
      if exchanged {
        if rest == 0 { clearSummary(of: word) }
        return seen ^ rest
      }
      seen = original
    }
    return 0
  }

  @_noLocks
  func free(_ slot: UInt32) {
    free(SlotSet(word: Int(slot) / 64, bits: 1 << UInt64(slot & 63)))
  }

  @_noLocks
  func free(_ set: SlotSet) {
    let (word, bits) = set.place
    // Sequentially consistent: see `clearSummary`. So also releasing: our last use of the slots happens
    // before their next user's first.
    let before = slots[word].bits.bitwiseOr(bits, ordering: .sequentiallyConsistent).oldValue
    if before == 0 { setSummary(of: word) }
  }

  /// Makes `count` slots from `first` available; both are multiples of 64.
  func add(_ first: Int, count: Int) {
    for word in first / 64..<(first + count) / 64 {
      slots[word].bits.store(.max, ordering: .sequentiallyConsistent)
      setSummary(of: word)
    }
  }

  /// Takes all of `count` slots from `first`, if every one is free; else none.
  func takeAll(_ first: Int, count: Int) -> Bool {
    let words = first / 64..<(first + count) / 64
    for word in words {
      let taken = slots[word].bits.compareExchange(
        expected: .max, desired: 0, ordering: .sequentiallyConsistent
      ).exchanged
      guard taken else {
        add(first, count: (word - words.lowerBound) * 64)
        return false
      }
      clearSummary(of: word)
    }
    return true
  }

  /// The summary is a hint that must never miss a free slot: clear the bit, look again, and set it
  /// back if somebody has freed one meanwhile. Needs sequential consistency: each side writes one
  /// level and reads the other.
  @_noLocks
  private func clearSummary(of word: Int) {
    let group = word / 64
    let left = groups[group].bits.bitwiseAnd(
      ~(1 << UInt64(word & 63)), ordering: .sequentiallyConsistent
    ).newValue
    if slots[word].bits.load(ordering: .sequentiallyConsistent) != 0 {
      setSummary(of: word)
    } else if left == 0 {
      supergroups[group / 64].bits.bitwiseAnd(
        ~(1 << UInt64(group & 63)), ordering: .sequentiallyConsistent)
      if groups[group].bits.load(ordering: .sequentiallyConsistent) != 0 {
        supergroups[group / 64].bits.bitwiseOr(
          1 << UInt64(group & 63), ordering: .sequentiallyConsistent)
      }
    }
  }

  @_noLocks
  private func setSummary(of word: Int) {
    let group = word / 64
    groups[group].bits.bitwiseOr(1 << UInt64(word & 63), ordering: .sequentiallyConsistent)
    supergroups[group / 64].bits.bitwiseOr(
      1 << UInt64(group & 63), ordering: .sequentiallyConsistent)
  }
}

extension UInt64 {
  @_noLocks
  fileprivate func withoutLowestBits(_ count: Int) -> UInt64 {
    var rest = self
    for _ in 0..<count where rest != 0 { rest &= rest - 1 }
    return rest
  }
}
