/// A named place in a heap, as `RegionHeap.places` lists it.
public struct HeapPlace: Sendable, Hashable {
  /// What a container is.
  public enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
    /// A `RegionArray`.
    case array
    /// A `RegionDictionary`.
    case dictionary
    /// A `RegionTable`.
    case table
    /// A `RegionSortedTable`.
    case sortedTable
  }

  /// The name. Unique in the heap by its UTF-8: two names may be the same `String` to Swift, as "é" in one scalar and in
  /// two, and stand for two containers.
  public let name: String
  /// What it stands for.
  public let kind: Kind
  /// The elements' type as it was when the container was made, as `String(reflecting:)` gives it: with the module and
  /// all types around it, or as `RegionNamed` does. `(local)` stands for what is around a private or local type.
  public let type: String
  /// From one element, or value, to the next, in bytes; zero for tables.
  public let stride: Int

  init?(_ record: PlaceRecord, in memory: HeapMemory) {
    switch ContainerKind(rawValue: record.kind) {
    case .array: kind = .array
    case .dictionary: kind = .dictionary
    case .table: kind = .table
    case .sortedTable: kind = .sortedTable
    case .bytes, nil: return nil
    }
    name = record.name(in: memory)
    type = record.type(in: memory)
    stride = Int(record.values.stride)
  }
}

extension Directory {
  /// All names, in order.
  func places(in memory: HeapMemory) -> [HeapPlace] {
    let reader = RegionArray<PlaceRecord>.Reader(records, in: memory, of: self)
    return reader.indices.compactMap { HeapPlace(reader[$0], in: memory) }
  }
}
