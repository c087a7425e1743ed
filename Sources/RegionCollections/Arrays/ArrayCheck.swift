/// Checks an array's fields without trapping.
enum ArrayCheck {
  /// The first thing that is wrong with the array whose header is at `offset`, in a sentence.
  static func fault(
    at offset: Int, in memory: HeapMemory, _ claims: inout BlockClaims
  ) -> String? {
    let type: ElementType = memory.load(offset + ContainerHeader.valuesOffset)
    let count = memory.loadInt(offset + ContainerHeader.byteCount)
    let capacity = memory.loadInt(offset + ContainerHeader.byteCount + 8)
    let elements = memory.loadInt(offset + ContainerHeader.byteCount + 16)
    guard count >= 0, count <= capacity else {
      return "the array at offset \(offset) has \(count) elements and room for \(capacity)"
    }
    let (byteCount, overflows) = capacity.multipliedReportingOverflow(by: Int(type.stride))
    guard type.alignment.nonzeroBitCount == 1, !overflows else {
      return "the array at offset \(offset) has elements of \(type.stride) bytes, "
        + "aligned to \(type.alignment), and room for \(capacity)"
    }
    if elements == 0 {
      return capacity == 0 ? nil : "the array at offset \(offset) has no elements"
    }
    guard elements & Int(type.alignment - 1) == 0 else {
      return "the array at offset \(offset) has elements at \(elements), which is not aligned"
    }
    return claims.claim(elements, byteCount: byteCount, by: offset)
  }
}
