/// One line of /proc/PID/maps.
struct Mapping {
  /// How a page of a mapping comes to be shared or copied.
  enum Kind: Int {
    /// Private and writable: a write makes a copy of whatever is shared.
    case privateWritable
    /// Private and not writable: never copied while it stays so.
    case privateReadOnly
    /// Shared by design: a write goes to the same page for everyone.
    case shared
  }

  private(set) var range: Range<UInt64>
  /// Where the kernel's mapping begins, also if only a part of it is looked at.
  let start: UInt64
  /// Whether this is all of the kernel's mapping, so that its statistics are of the same pages.
  private(set) var isWhole = true
  let kind: Kind
  /// Where in the file the mapping begins, in bytes.
  private(set) var offset: UInt64
  /// The file's device and inode; both 0 for anonymous memory.
  let device: UInt64
  let inode: UInt64
  /// The permissions as the kernel prints them ("rw-p").
  let permissions: UInt32
  /// The file's path or the kernel's own name in brackets; where it is in the text of the file.
  let name: Range<Int>

  var isAnonymous: Bool { inode == 0 }

  /// Whether the page at an address of both is the same one of a file, or anonymous memory of the
  /// same kind: what was forked is so until it is mapped anew.
  func hasSameBacking(as other: Mapping) -> Bool {
    guard device == other.device, inode == other.inode else { return false }
    if (kind == .shared) != (other.kind == .shared) { return false }
    return isAnonymous
      || offset &- range.lowerBound == other.offset &- other.range.lowerBound
  }

  /// Reads every line of the text of a /proc/PID/maps, in the order of the addresses, without the
  /// mappings that hold no memory of the process.
  static func parse(_ text: [UInt8], clippedTo limits: Range<UInt64>?) -> [Mapping] {
    var mappings: [Mapping] = []
    var scanner = ByteScanner(text)
    while !scanner.isAtEnd {
      guard let mapping = next(&scanner, text) else { continue }
      guard let limits else {
        mappings.append(mapping)
        continue
      }
      if let clipped = mapping.clipped(to: limits) { mappings.append(clipped) }
    }
    return mappings
  }

  private static func next(_ scanner: inout ByteScanner, _ text: [UInt8]) -> Mapping? {
    guard let start = scanner.hexadecimal() else {
      scanner.skipLine()
      return nil
    }
    scanner.advance()
    let end = scanner.hexadecimal() ?? start
    var permissions: UInt32 = 0
    for byte in scanner.word() { permissions = permissions << 8 | UInt32(byte) }
    scanner.skipSpaces()
    let offset = scanner.hexadecimal() ?? 0
    scanner.skipSpaces()
    let major = scanner.hexadecimal() ?? 0
    scanner.advance()
    let minor = scanner.hexadecimal() ?? 0
    let inode = scanner.decimal() ?? 0
    scanner.skipSpaces()
    let name = scanner.line().indices
    guard start < end, !isKernelData(text[name]) else { return nil }
    let isShared = permissions & 0xff == UInt32(UInt8(ascii: "s"))
    let isWritable = permissions >> 16 & 0xff == UInt32(UInt8(ascii: "w"))
    return Mapping(
      range: start..<end, start: start,
      kind: isShared ? .shared : isWritable ? .privateWritable : .privateReadOnly,
      offset: offset, device: major << 32 | minor, inode: inode, permissions: permissions,
      name: name)
  }

  /// `[vvar]`, `[vvar_vclock]` and `[vsyscall]` are windows onto the kernel's own data: not memory
  /// of the process, and not in its resident set; yet pagemap shows the first two as present.
  private static func isKernelData(_ name: ArraySlice<UInt8>) -> Bool {
    guard name.first == UInt8(ascii: "[") else { return false }
    return name.starts(with: "[vvar".utf8) || name.starts(with: "[vsyscall".utf8)
  }

  private func clipped(to limits: Range<UInt64>) -> Mapping? {
    let part = range.clamped(to: limits)
    if part.isEmpty { return nil }
    var clipped = self
    clipped.isWhole = part == range
    clipped.offset &+= part.lowerBound - range.lowerBound
    clipped.range = part
    return clipped
  }

  /// The permissions as text.
  var permissionsText: String {
    String(decoding: [24, 16, 8, 0].map { UInt8(permissions >> $0 & 0xff) }, as: UTF8.self)
  }
}
