/// An array's elements as of a snapshot: a collection that keeps the snapshot, and may be stored, passed on
/// and iterated anywhere.
@safe
public struct SnapshotElements<Element: BitwiseCopyable>: RandomAccessCollection, Sendable {
  private let snapshot: HeapSnapshot
  @usableFromInline let memory: HeapMemory
  @usableFromInline let fields: ArrayFields<Element>

  init(_ snapshot: HeapSnapshot, _ array: RegionArray<Element>) {
    self.snapshot = snapshot
    memory = snapshot.memory
    fields = RegionArray<Element>.Reader(array, in: memory, of: snapshot).fields
  }

  /// Zero.
  @inlinable
  public var startIndex: Int { 0 }

  /// The number of elements.
  @inlinable
  public var endIndex: Int { fields.count }

  /// The element at a position. Traps if there is none.
  @inlinable
  public subscript(position: Int) -> Element {
    fields.check(position)
    return memory.load(fields.offset(of: position))
  }
}

extension HeapSnapshot {
  /// All elements of an array, as a collection that keeps the snapshot.
  public func elements<Element>(of array: RegionArray<Element>) -> SnapshotElements<Element> {
    SnapshotElements(self, array)
  }

  /// The array of a name.
  ///
  /// - Throws: `.noSuchPlace` if there was none, `.otherType` if the name stood for something else.
  public func array<Element: BitwiseCopyable>(
    of type: Element.Type, named name: String
  ) throws(RegionHeapError) -> RegionArray<Element> {
    RegionArray(
      try place(name, .array, values: ElementType(type), keys: .none, type: TypeName(type)))
  }
}
