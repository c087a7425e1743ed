/// The start of every container's block of 64 bytes: who it is and of what. The container's own fields
/// follow from `byteCount` on.
///
/// | offset | what |
/// |---|---|
/// | 0 | identity, random; zero once it was removed |
/// | 8 | kind |
/// | 12 | reserved, zero |
/// | 16 | stride and alignment of the elements or values |
/// | 24 | stride and alignment of the keys |
/// | 32..<64 | the container's own fields, zero at first |
@usableFromInline
enum ContainerHeader {
  /// Where a container's own fields begin.
  @inlinable
  static var byteCount: Int { 32 }

  @inlinable
  static var kindOffset: Int { 8 }
  @inlinable
  static var valuesOffset: Int { 16 }
  @inlinable
  static var keysOffset: Int { 24 }

  /// Where its fields end.
  @inlinable
  static var end: Int { 64 }

  /// Writes the header of a new container into its block, zeros its fields and returns its identity.
  static func make(
    _ kind: ContainerKind, values: ElementType, keys: ElementType = .none, at offset: Int,
    in memory: MutableHeapMemory
  ) -> UInt64 {
    // Random, not counted: a count would be rolled back and given twice.
    let identity = UInt64.random(in: 1...UInt64.max)
    memory.zero(offset, count: end)
    memory.store(identity, at: offset)
    memory.store(kind.rawValue, at: offset + kindOffset)
    memory.store(values, at: offset + valuesOffset)
    memory.store(keys, at: offset + keysOffset)
    return identity
  }

  /// Whether the container of this identity, kind and types is at `offset`.
  @inlinable
  @inline(__always)
  static func isValid(
    _ offset: Int, identity: UInt64, _ kind: ContainerKind, values: ElementType,
    keys: ElementType, in memory: HeapMemory
  ) -> Bool {
    guard memory.contains(offset, count: end), identity != 0 else { return false }
    let words: ContainerWords = memory.load(offset)
    return words.identity == identity && words.kind == UInt64(kind.rawValue)
      && words.values == values.word && words.keys == keys.word
  }

  /// Traps unless the container of this identity, kind and types is at `offset`. Returns the offset.
  @inlinable
  @inline(__always)
  static func check(
    _ handle: ContainerHandle, _ kind: ContainerKind, values: ElementType,
    keys: ElementType = .none, in memory: HeapMemory
  ) -> Int {
    let offset = Int(truncatingIfNeeded: handle.offset)
    if !isValid(offset, identity: handle.identity, kind, values: values, keys: keys, in: memory) {
      trapStale(handle, kind.rawValue, memory)
    }
    return offset
  }

  /// Marks a container as removed: its handles trap from now on.
  static func invalidate(_ offset: Int, in memory: MutableHeapMemory) {
    memory.store(UInt64(0), at: offset)
  }
}

/// A container's block as eight words, which are checked to be inside the heap all at once: every access by a
/// handle reads them.
@usableFromInline
struct ContainerWords: BitwiseCopyable {
  @usableFromInline var identity: UInt64
  /// The kind, and what is reserved.
  @usableFromInline var kind: UInt64
  @usableFromInline var values: UInt64
  @usableFromInline var keys: UInt64
  /// The container's own fields.
  @usableFromInline var first: Int
  @usableFromInline var second: Int
  @usableFromInline var third: Int
  @usableFromInline var fourth: Int
}

@usableFromInline
@inline(never)
func trapStale(_ handle: ContainerHandle, _ kind: UInt32, _ memory: HeapMemory) -> Never {
  let offset = Int(truncatingIfNeeded: handle.offset)
  let name = ContainerKind(rawValue: kind)?.name ?? "a container"
  if handle.identity != 0, memory.contains(offset, count: ContainerHeader.byteCount),
    memory.load(offset, as: UInt64.self) == handle.identity
  {
    trap("the handle is one of \(name), but the container has another kind or other types")
  }
  trap(
    "the handle of \(name) is of no container that is in this heap, or was at the time of the snapshot: "
      + "it is of another heap, the container was removed or rolled back, or it was not yet made; "
      + "contains(_:) tells")
}
