@testable import MemorySnapshots

/// Memory that the library maps, in a collection.
final class MappingBox {
  static let byteCount = 4 * pageSize
  private let mapping: Mapping
  init() throws { mapping = try Mapping(anonymous: Self.byteCount) }
}
