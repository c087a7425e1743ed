// Finding where the groups are mounted.

extension MemoryControlGroups {
  static func text(_ path: String) -> String {
    var bytes = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = unsafe bytes.withUnsafeMutableBytes { buffer in
        unsafe path.withCString { unsafe Kernel.readFile($0, into: buffer) }
      }
      guard count >= 0 else { return "" }
      if count < bytes.count { return String(decoding: bytes[..<count], as: UTF8.self) }
      bytes = [UInt8](repeating: 0, count: bytes.count * 2)
    }
  }

  /// A line of mountinfo: number, parent, device, root, mount point, options, any more, "-", type of
  /// file system, source, options of the file system.
  static func mount(_ line: Substring) -> Mount? {
    let fields = line.split(separator: " ")
    guard let dash = fields.firstIndex(of: "-"), dash >= 6, fields.count > dash + 3 else {
      return nil
    }
    let version: GroupVersion
    switch fields[dash + 1] {
    case "cgroup2": version = .two
    case "cgroup" where fields[dash + 3].split(separator: ",").contains("memory"): version = .one
    default: return nil
    }
    return Mount(version: version, path: unescaped(fields[4]), root: unescaped(fields[3]))
  }

  /// Blanks and backslashes stand there in octal.
  private static func unescaped(_ field: Substring) -> [UInt8] {
    let bytes = Array(field.utf8)
    var result: [UInt8] = []
    var index = 0
    while index < bytes.count {
      let digits = bytes[index...].dropFirst().prefix(3).map { Int($0) - 48 }
      let isEscaped = bytes[index] == UInt8(ascii: "\\") && digits.count == 3
      if isEscaped, digits.allSatisfy({ 0 <= $0 && $0 < 8 }), digits[0] < 4 {
        result.append(UInt8(digits[0] * 64 + digits[1] * 8 + digits[2]))
        index += 4
      } else {
        result.append(bytes[index])
        index += 1
      }
    }
    return result
  }
}
