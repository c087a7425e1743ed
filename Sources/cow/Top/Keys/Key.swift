/// A key that was pressed.
enum Key: Equatable {
  case character(Character)
  case up, down, left, right, pageUp, pageDown, home, end
  case enter, escape, backspace
  /// F1 to F10.
  case function(Int)
  /// Ctrl and a letter, which is lower-case.
  case control(Character)
}

/// Makes keys of what a terminal sends: characters, and sequences that begin with an escape.
struct KeyReader {
  private var pending: [UInt8] = []

  /// The keys in `bytes`, after what earlier ones left unfinished. A lone escape at the end waits for
  /// what follows it, or for `flush()`.
  mutating func read(_ bytes: [UInt8]) -> [Key] {
    pending += bytes
    var keys: [Key] = []
    while !pending.isEmpty {
      guard let (key, count) = Self.next(pending[...]) else { break }
      pending.removeFirst(count)
      if let key { keys.append(key) }
    }
    return keys
  }

  /// Whether there is an unfinished sequence.
  var isWaiting: Bool { !pending.isEmpty }

  /// What an unfinished sequence is if nothing follows: an escape is the key itself.
  mutating func flush() -> [Key] {
    let isEscape = pending.first == 0x1B
    pending = []
    return isEscape ? [.escape] : []
  }

  /// The first key of `bytes`, `nil` for one without meaning, and how many bytes it takes; nothing if
  /// more bytes are needed.
  private static func next(_ bytes: ArraySlice<UInt8>) -> (Key?, Int)? {
    guard let first = bytes.first else { return nil }
    switch first {
    case 0x1B: return escapeSequence(bytes)
    case 0x0D, 0x0A: return (.enter, 1)
    case 0x7F, 0x08: return (.backspace, 1)
    case 0x01...0x1A: return (.control(Character(UnicodeScalar(first + 0x60))), 1)
    case 0x00...0x1F: return (nil, 1)
    case 0x20...0x7E: return (.character(Character(UnicodeScalar(first))), 1)
    default:
      let length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 1
      if bytes.count < length { return nil }
      let text = String(decoding: bytes.prefix(length), as: UTF8.self)
      guard length > 1, text.count == 1, let character = text.first, character != "\u{FFFD}"
      else { return (nil, 1) }
      return (.character(character), length)
    }
  }

  /// Control sequences ("\e[A", "\e[5~") and those of the keypad ("\eOA").
  private static func escapeSequence(_ bytes: ArraySlice<UInt8>) -> (Key?, Int)? {
    let rest = bytes.dropFirst()
    guard let kind = rest.first else { return nil }
    guard kind == UInt8(ascii: "[") || kind == UInt8(ascii: "O") else { return (.escape, 1) }
    // Linux consoles send "\e[[A" for F1.
    if rest.dropFirst().first == UInt8(ascii: "[") {
      guard let letter = rest.dropFirst(2).first else { return nil }
      let number = Int(letter) - Int(UInt8(ascii: "A")) + 1
      return ((1...5).contains(number) ? .function(number) : nil, 4)
    }
    guard let end = rest.dropFirst().firstIndex(where: { 0x40...0x7E ~= $0 }) else {
      return rest.count > 16 ? (nil, bytes.count) : nil
    }
    let parameters = String(decoding: rest[(rest.startIndex + 1)..<end], as: UTF8.self)
    return (key(parameters, rest[end], kind), end - bytes.startIndex + 1)
  }

  private static func key(_ parameters: String, _ final: UInt8, _ kind: UInt8) -> Key? {
    switch final {
    case UInt8(ascii: "A"): return .up
    case UInt8(ascii: "B"): return .down
    case UInt8(ascii: "C"): return .right
    case UInt8(ascii: "D"): return .left
    case UInt8(ascii: "H"): return .home
    case UInt8(ascii: "F"): return .end
    case UInt8(ascii: "P")...UInt8(ascii: "S"): return .function(Int(final - UInt8(ascii: "P")) + 1)
    case UInt8(ascii: "~"):
      switch Int(parameters.prefix { $0 != ";" }) {
      case 1, 7: return .home
      case 4, 8: return .end
      case 5: return .pageUp
      case 6: return .pageDown
      case let code? where (11...15).contains(code): return .function(code - 10)
      case let code? where (17...21).contains(code): return .function(code - 11)
      default: return nil
      }
    default: return nil
    }
  }
}
