/// The lines of /proc/meminfo that decide what has to be looked for.
struct MemoryInformation {
  private let text: [UInt8]

  static func current() -> MemoryInformation {
    MemoryInformation((try? ProcFile.read("/proc/meminfo")) ?? [])
  }

  init(_ text: [UInt8]) { self.text = text }

  /// Whether there is any memory of a kind; so it is supposed where the kernel does not tell.
  func has(_ name: StaticString) -> Bool {
    var scanner = ByteScanner(text)
    while !scanner.isAtEnd {
      let isWanted = name.withUTF8Buffer { unsafe scanner.word().elementsEqual($0) }
      if isWanted { return scanner.decimal() ?? 1 > 0 }
      scanner.skipLine()
    }
    return true
  }
}
