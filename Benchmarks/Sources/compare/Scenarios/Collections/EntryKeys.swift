/// Keys of sixteen bytes in random order, as containers of bytes get them, and the value that all have.
///
/// They lie one after another, so that all contestants read them alike.
struct EntryKeys {
  static let keySize = 16
  static let valueSize = 64

  /// Two words for each key.
  private(set) var words: [UInt64]
  let value = [UInt8](repeating: 7, count: valueSize)

  var count: Int { words.count / 2 }

  init(count: Int, seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    words = []
    words.reserveCapacity(2 * count)
    for _ in 0..<2 * count { words.append(generator.next()) }
  }

  /// The first of the keys.
  func prefix(_ count: Int) -> EntryKeys {
    var result = self
    result.words = Array(words.prefix(2 * count))
    return result
  }

  /// The same keys in another order.
  func shuffled(seed: UInt64) -> EntryKeys {
    var result = self
    var generator = SeededGenerator(seed: seed)
    for index in stride(from: count - 1, to: 0, by: -1) {
      let other = Int(generator.next() % UInt64(index + 1))
      result.words.swapAt(2 * index, 2 * other)
      result.words.swapAt(2 * index + 1, 2 * other + 1)
    }
    return result
  }

  subscript(index: Int) -> RawSpan {
    @_lifetime(borrow self)
    @inline(__always)
    get {
      let start = index * EntryKeys.keySize
      return words.span.bytes.extracting(start..<start + EntryKeys.keySize)
    }
  }

  /// Calls `body` with each key.
  @inline(__always)
  func forEach<Failure: Error>(_ body: (RawSpan) throws(Failure) -> Void) throws(Failure) {
    let bytes = words.span.bytes
    for start in stride(from: 0, to: bytes.byteCount, by: EntryKeys.keySize) {
      try body(bytes.extracting(start..<start + EntryKeys.keySize))
    }
  }

  /// The sum of the first bytes of the values, if each key has the value.
  var expectedSum: Int { count * Int(value[0]) }
}
