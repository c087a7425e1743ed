/// What is different in a table or dictionary between two snapshots: in the order of the keys for a sorted table,
/// in none that means anything for others.
public struct RegionDifferences<Key: Sendable>: Sendable {
  /// The keys that only the later one has.
  public internal(set) var added: [Key] = []
  /// The keys that only the earlier one has.
  public internal(set) var removed: [Key] = []
  /// The keys that have other values.
  public internal(set) var changed: [Key] = []

  /// Whether nothing is different.
  public var isEmpty: Bool { added.isEmpty && removed.isEmpty && changed.isEmpty }
}
