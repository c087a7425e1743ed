/// A handle of bytes of any number in a heap: a string or a blob as an element, a field or a value.
///
/// ```swift
/// struct Customer: BitwiseCopyable { var name: RegionBytes; var balance: Int }
/// let name = try heap.makeBytes("Ada")
/// try heap[customers].append(Customer(name: name, balance: 0))
/// heap[heap[customers][0].name].string                       // "Ada"
/// ```
///
/// Up to 16 bytes lie in the header, which has 64; more have a block of their own.
@frozen
public struct RegionBytes: BitwiseCopyable, Hashable, Sendable {
  @usableFromInline let handle: ContainerHandle

  init(_ handle: ContainerHandle) { self.handle = handle }

  static func make(_ bytes: RawSpan, in allocator: Allocator) throws(RegionHeapError) -> RegionBytes
  {
    var block = 0
    if bytes.byteCount > BytesFields.inlineCount {
      block = try allocator.allocate(bytes.byteCount)
    }
    let offset: Int
    do throws(RegionHeapError) {
      offset = try allocator.allocateHeader()
    } catch {
      if block != 0 { allocator.deallocate(block) }
      throw error
    }
    let memory = allocator.memory
    let identity = ContainerHeader.make(.bytes, values: BytesFields.type, at: offset, in: memory)
    memory.store(block, at: offset + BytesFields.blockOffset)
    memory.store(bytes.byteCount, at: offset + BytesFields.countOffset)
    memory.copy(bytes, to: block == 0 ? offset + BytesFields.inlineOffset : block)
    return RegionBytes(ContainerHandle(offset: UInt64(offset), identity: identity))
  }

  static func remove(_ bytes: RegionBytes, from allocator: Allocator) {
    let fields = BytesFields(bytes, in: allocator.memory.readable)
    ContainerHeader.invalidate(fields.header, in: allocator.memory)
    if fields.block != 0 { allocator.deallocate(fields.block) }
    allocator.deallocate(fields.header)
  }
}

/// The fields of bytes, checked against the memory that they are in.
///
/// | offset after the header | what |
/// |---|---|
/// | 0 | count |
/// | 8 | offset of the block; zero if the bytes follow |
/// | 16..<32 | up to 16 bytes |
struct BytesFields {
  static let type = ElementType(UInt8.self)
  static let countOffset = ContainerHeader.byteCount
  static let blockOffset = ContainerHeader.byteCount + 8
  static let inlineOffset = ContainerHeader.byteCount + 16
  static let inlineCount = 16

  let header: Int
  let count: Int
  let block: Int
  /// Where the bytes are.
  var start: Int { block == 0 ? header + BytesFields.inlineOffset : block }

  init(_ bytes: RegionBytes, in memory: HeapMemory) {
    self.init(
      at: ContainerHeader.check(bytes.handle, .bytes, values: BytesFields.type, in: memory),
      in: memory)
  }

  /// - Parameter header: The offset of a checked header.
  init(at header: Int, in memory: HeapMemory) {
    self.header = header
    count = memory.loadInt(header + BytesFields.countOffset)
    block = memory.loadInt(header + BytesFields.blockOffset)
    if count < 0 || block == 0 && count > BytesFields.inlineCount {
      trap("bytes at offset \(header) count \(count): the heap is damaged")
    }
    memory.check(start, count: count)
  }
}

/// Checks the fields of bytes without trapping.
enum BytesCheck {
  static func fault(at offset: Int, in memory: HeapMemory, _ claims: inout BlockClaims) -> String? {
    let count = memory.loadInt(offset + BytesFields.countOffset)
    let block = memory.loadInt(offset + BytesFields.blockOffset)
    if block == 0 {
      return (0...BytesFields.inlineCount).contains(count)
        ? nil : "the bytes at offset \(offset) count \(count) and have no block"
    }
    return claims.claim(block, byteCount: count, by: offset)
  }
}
