/// What a mapping is called in tables and pictures.
struct MappingName {
  /// The file's name without its folder, the kernel's own name, or "anonymous"; and where it begins,
  /// as there may be many of one name.
  let text: String

  init(_ name: String, start: UInt64) {
    text = Self.short(name) + " " + String(start, radix: 16)
  }

  /// The name alone.
  static func short(_ name: String) -> String {
    if name.isEmpty { return "anonymous" }
    guard name.hasPrefix("/") else { return name.printable }
    return (name.split(separator: "/").last.map(String.init) ?? name).printable
  }
}
