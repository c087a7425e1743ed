/// Looks at everything in a heap's memory, and never traps, whatever it holds.
enum HeapCheck {
  /// The first thing that is wrong, in a sentence.
  ///
  /// - Parameter header: As it was when the heap was opened.
  static func fault(_ allocator: Allocator, _ header: HeapHeader) -> String? {
    let memory = allocator.memory.readable
    do throws(RegionHeapError) {
      let now = try HeapHeader(memory)
      guard now.identity == header.identity, now.capacity == header.capacity else {
        return "its header is of another heap"
      }
    } catch {
      return error.message
    }
    if let fault = allocator.walk().fault { return fault }
    var claims = BlockClaims { allocator.sizeOfBlock(at: $0) }
    let fault = allocator.firstHeaderFault { offset in
      containerFault(at: offset, in: memory, &claims)
    }
    return fault ?? Directory(header).fault(in: memory, &claims)
  }

  private static func containerFault(
    at offset: Int, in memory: HeapMemory, _ claims: inout BlockClaims
  ) -> String? {
    if let fault = claims.claim(offset, byteCount: ContainerHeader.end, by: offset) { return fault }
    guard memory.load(offset, as: UInt64.self) != 0 else {
      return "the container at offset \(offset) was removed, and its header is still in use"
    }
    let kind: UInt32 = memory.load(offset + ContainerHeader.kindOffset)
    switch ContainerKind(rawValue: kind) {
    case .array: return ArrayCheck.fault(at: offset, in: memory, &claims)
    case .bytes: return BytesCheck.fault(at: offset, in: memory, &claims)
    case .dictionary: return DictionaryCheck.fault(at: offset, in: memory, &claims)
    case .table: return TableCheck.fault(at: offset, in: memory, &claims)
    case .sortedTable: return SortedCheck.fault(at: offset, in: memory, &claims)
    default: return "the container at offset \(offset) has no known kind, \(kind)"
    }
  }
}
