/// The text of /proc/vmstat, which counts events since the machine was started.
struct VirtualMemoryEvents {
  /// Whether any page was written to swap space or read from it. Of compressed ones (zswap) and of those
  /// that are all zero nothing is written and read: they are counted apart.
  private(set) var haveSwapped = false

  init(_ text: [UInt8]) {
    let names: [StaticString] = [
      "pswpin", "pswpout", "zswpin", "zswpout", "swpin_zero", "swpout_zero",
    ]
    var scanner = ByteScanner(text)
    while !scanner.isAtEnd {
      let word = scanner.word()
      let isWanted = names.contains { name in
        name.withUTF8Buffer { unsafe word.elementsEqual($0) }
      }
      if isWanted, scanner.decimal() ?? 1 > 0 { haveSwapped = true }
      scanner.skipLine()
    }
  }
}
