import Testing

@testable import cow

@Suite("KeyReader")
struct KeyReaderTests {
  @Test(
    "sequences of terminals are keys",
    arguments: [
      ("q", [.character("q")]), ("\u{1B}[A", [.up]), ("\u{1B}OB", [.down]), ("\u{1B}[C", [.right]),
      ("\u{1B}[D", [.left]), ("\u{1B}[5~", [.pageUp]), ("\u{1B}[6~", [.pageDown]),
      ("\u{1B}[H", [.home]), ("\u{1B}[4~", [.end]), ("\u{1B}[1;5A", [.up]),
      ("\u{1B}OP", [.function(1)]), ("\u{1B}[15~", [.function(5)]), ("\u{1B}[21~", [.function(10)]),
      ("\u{1B}[[A", [.function(1)]), ("\r", [.enter]), ("\u{7F}", [.backspace]),
      ("\u{03}", [.control("c")]), ("ä€", [.character("ä"), .character("€")]),
      ("a\u{1B}[Ab", [.character("a"), .up, .character("b")]), ("\u{1B}[99~", []),
      ("\u{1B}x", [.escape, .character("x")]), ("\u{1F}", []),
    ] as [(String, [Key])])
  func keys(text: String, expected: [Key]) {
    var reader = KeyReader()
    #expect(reader.read(Array(text.utf8)) == expected)
    #expect(!reader.isWaiting)
    // However the bytes come, the keys are the same.
    var slow = KeyReader()
    #expect(text.utf8.flatMap { slow.read([$0]) } == expected)
  }

  @Test("a lone escape is a key when nothing follows it; what is cut off is dropped")
  func escape() {
    var reader = KeyReader()
    #expect(reader.read([0x1B]).isEmpty)
    #expect(reader.isWaiting)
    #expect(reader.flush() == [.escape])
    #expect(!reader.isWaiting)
    #expect(reader.read([0xE2, 0x82]).isEmpty)
    #expect(reader.flush().isEmpty)
  }

  @Test("bytes that are nothing are swallowed, and never for ever")
  func garbage() {
    var reader = KeyReader()
    #expect(reader.read([0xFF, 0x80, 0xC0, UInt8(ascii: "a")]) == [.character("a")])
    #expect(reader.read([0xE2, UInt8(ascii: "("), UInt8(ascii: "b")]).last == .character("b"))
    _ = reader.read([0x1B, UInt8(ascii: "[")] + Array(repeating: UInt8(ascii: "1"), count: 40))
    #expect(!reader.isWaiting)
  }
}
