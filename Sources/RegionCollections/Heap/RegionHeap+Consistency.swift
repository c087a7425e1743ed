internal import MemorySnapshots

extension RegionHeap {
  /// Walks everything: the allocator's tables, the list of names, and every container, those included that
  /// no name stands for.
  ///
  /// For tests, and to look at a heap that comes from a file. It never traps, whatever the heap holds.
  ///
  /// - Throws: `.damaged`, with the first thing that is wrong in its message.
  /// - Complexity: O(pages that were ever used + entries of tables).
  public func checkConsistency() throws(RegionHeapError) {
    if let fault = firstFault() { throw RegionHeapError(.damaged, "the heap is damaged: \(fault)") }
  }

  private func firstFault() -> String? {
    do throws(RegionHeapError) {
      let now = try HeapHeader(allocator.memory.readable)
      guard now.identity == header.identity else { return "its header is of another heap" }
    } catch {
      return error.message
    }
    if let fault = allocator.walk().fault { return fault }
    let allocator = allocator
    let memory = allocator.memory.readable
    var claims = BlockClaims { allocator.sizeOfBlock(at: $0) }
    let fault = allocator.firstHeaderFault { offset in
      RegionHeap.containerFault(at: offset, in: memory, &claims)
    }
    return fault ?? directory.fault(in: memory, &claims)
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
    default: return "the container at offset \(offset) has no known kind, \(kind)"
    }
  }
}
