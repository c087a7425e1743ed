/// Reads the words and numbers of a /proc file without making strings of them: a process can have
/// tens of thousands of mappings.
struct ByteScanner {
  private let bytes: [UInt8]
  private(set) var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { position >= bytes.count }

  /// The byte at the position, or 0 at the end.
  var current: UInt8 { position < bytes.count ? bytes[position] : 0 }

  /// Moves on, at most to the end.
  mutating func advance(by count: Int = 1) { position = min(position + count, bytes.count) }

  mutating func skipSpaces() {
    while current == UInt8(ascii: " ") || current == UInt8(ascii: "\t") { position += 1 }
  }

  /// Moves to the start of the next line.
  mutating func skipLine() {
    while !isAtEnd, current != UInt8(ascii: "\n") { position += 1 }
    advance()
  }

  /// The rest of the line, without its end; moves to the next line.
  mutating func line() -> ArraySlice<UInt8> {
    let start = position
    while !isAtEnd, current != UInt8(ascii: "\n") { position += 1 }
    let end = position
    advance()
    return bytes[start..<end]
  }

  /// The next word, up to a space or the end of the line.
  mutating func word() -> ArraySlice<UInt8> {
    skipSpaces()
    let start = position
    while !isAtEnd, current != UInt8(ascii: " "), current != UInt8(ascii: "\t"),
      current != UInt8(ascii: "\n")
    {
      position += 1
    }
    return bytes[start..<min(position, bytes.count)]
  }

  /// A decimal number, or `nil` where there is none.
  mutating func decimal() -> UInt64? {
    skipSpaces()
    var value: UInt64 = 0
    let start = position
    while current >= UInt8(ascii: "0"), current <= UInt8(ascii: "9") {
      value = value &* 10 &+ UInt64(current &- UInt8(ascii: "0"))
      position += 1
    }
    return position > start ? value : nil
  }

  /// A number in lower-case hexadecimal digits, or `nil` where there is none.
  mutating func hexadecimal() -> UInt64? {
    var value: UInt64 = 0
    let start = position
    while true {
      let byte = current
      if byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
        value = value &* 16 &+ UInt64(byte &- UInt8(ascii: "0"))
      } else if byte >= UInt8(ascii: "a"), byte <= UInt8(ascii: "f") {
        value = value &* 16 &+ UInt64(byte &- UInt8(ascii: "a") &+ 10)
      } else {
        return position > start ? value : nil
      }
      position += 1
    }
  }
}
