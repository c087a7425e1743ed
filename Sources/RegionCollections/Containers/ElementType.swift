/// How large elements are, which is recorded with each container and checked whenever one is opened.
@usableFromInline
struct ElementType: BitwiseCopyable, Hashable, Sendable {
  /// From one element to the next.
  @usableFromInline var stride: UInt32
  @usableFromInline var alignment: UInt32

  @inlinable
  init<Element: BitwiseCopyable>(_ type: Element.Type) {
    stride = UInt32(MemoryLayout<Element>.stride)
    alignment = UInt32(MemoryLayout<Element>.alignment)
  }

  @inlinable
  init(stride: UInt32, alignment: UInt32) {
    self.stride = stride
    self.alignment = alignment
  }

  /// Both as one word, as they lie in memory.
  @inlinable
  @inline(__always)
  var word: UInt64 { UInt64(stride) | UInt64(alignment) &<< 32 }

  /// What a container that has no keys, or no values, records.
  @inlinable
  static var none: ElementType { ElementType(stride: 0, alignment: 0) }
}

/// The kinds of containers, as they are recorded.
@usableFromInline
enum ContainerKind: UInt32, Sendable {
  case array = 1
  case bytes = 2
  case dictionary = 3
  case table = 4
  case sortedTable = 5

  var name: String {
    switch self {
    case .array: "an array"
    case .bytes: "bytes"
    case .dictionary: "a dictionary"
    case .table: "a table"
    case .sortedTable: "a sorted table"
    }
  }
}
