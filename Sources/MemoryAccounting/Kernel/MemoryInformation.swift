/// The lines of /proc/meminfo that decide what has to be looked for.
struct MemoryInformation {
  private let amounts: [String: UInt64]

  static func current() -> MemoryInformation {
    MemoryInformation((try? ProcFile.read("/proc/meminfo")) ?? [])
  }

  init(_ text: [UInt8]) {
    var scanner = ByteScanner(text)
    var amounts: [String: UInt64] = [:]
    while !scanner.isAtEnd {
      let name = String(decoding: scanner.word(), as: UTF8.self)
      amounts[name] = scanner.decimal()
      scanner.skipLine()
    }
    self.amounts = amounts
  }

  /// Whether there is any memory of a kind; so it is supposed where the kernel does not tell.
  func has(_ name: String) -> Bool { amounts[name] ?? 1 > 0 }
}
