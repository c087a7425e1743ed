/// An array's fields as they are at one moment, checked against the memory that they are in.
///
/// | offset after the header | what |
/// |---|---|
/// | 0 | count |
/// | 8 | capacity |
/// | 16 | offset of the elements; zero without capacity |
@usableFromInline
struct ArrayFields<Element: BitwiseCopyable>: Sendable {
  @usableFromInline let count: Int
  @usableFromInline let capacity: Int
  @usableFromInline let elements: Int

  @inlinable static var countOffset: Int { ContainerHeader.byteCount }
  @inlinable static var capacityOffset: Int { ContainerHeader.byteCount + 8 }
  @inlinable static var elementsOffset: Int { ContainerHeader.byteCount + 16 }

  /// - Parameter offset: Of an array's checked header.
  @inlinable
  @inline(__always)
  init(at offset: Int, in memory: HeapMemory) {
    let words: ContainerWords = memory.load(offset)
    count = words.first
    capacity = words.second
    elements = words.third
    if count < 0 || count > capacity {
      trap("an array has \(count) elements and room for \(capacity): the heap is damaged")
    }
    memory.checkElements(at: elements, count: capacity, as: Element.self)
  }

  /// Where the element at `position` is.
  @inlinable
  @inline(__always)
  func offset(of position: Int) -> Int { elements &+ position &* MemoryLayout<Element>.stride }

  @inlinable
  @inline(__always)
  func check(_ position: Int) {
    if position < 0 || position >= count { trapPosition(position, count) }
  }
}

@usableFromInline
@inline(never)
func trapPosition(_ position: Int, _ count: Int) -> Never {
  trap("position \(position) is not one of the array's \(count)")
}
