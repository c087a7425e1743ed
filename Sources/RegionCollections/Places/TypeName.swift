/// A type of elements, keys or values that says itself what heaps call it, instead of `String(reflecting:)`: for one
/// that was moved to another module or renamed, and for one that programs with modules of their own share.
///
/// ```swift
/// extension Account: RegionNamed { static var nameInRegions: String { "Ledger.Account" } }
/// ```
public protocol RegionNamed: BitwiseCopyable {
  /// The name that is recorded when a container gets a name, and compared when it is opened again.
  static var nameInRegions: String { get }
}

/// What an element's type is called, to tell types of the same size apart when a name is opened again.
struct TypeName {
  /// With the module and all types around it: `Bank.Account.Row`.
  let qualified: String
  /// As heaps of format 1 have it: `Row`.
  let unqualified: String

  /// What has no type of element.
  static let bytes = TypeName(qualified: "bytes", unqualified: "bytes")

  init<Element>(_ type: Element.Type) {
    let own = (type as? any RegionNamed.Type)?.nameInRegions
    self.init(
      qualified: own ?? TypeName.stable(String(reflecting: type)), unqualified: "\(type)")
  }

  init<Key, Value>(_ key: Key.Type, _ value: Value.Type) {
    let (keys, values) = (TypeName(key), TypeName(value))
    self.init(
      qualified: "\(keys.qualified): \(values.qualified)",
      unqualified: "\(keys.unqualified): \(values.unqualified)")
  }

  private init(qualified: String, unqualified: String) {
    self.qualified = qualified
    self.unqualified = unqualified
  }

  /// Where a type is private or local, Swift gives the address of what is around it, which is another in each
  /// process.
  private static func stable(_ name: String) -> String {
    var rest = name[...]
    var result = ""
    while let start = rest.firstRange(of: "(unknown context at ") {
      result += rest[..<start.lowerBound] + "(local)"
      rest = rest[start.upperBound...]
      rest = rest.firstIndex(of: ")").map { rest[rest.index(after: $0)...] } ?? ""
    }
    return result + rest
  }
}
