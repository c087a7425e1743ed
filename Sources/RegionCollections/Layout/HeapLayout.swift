/// Where things lie in a heap's first bytes. All numbers are fixed by the format's version, whatever the
/// system's page size.
///
/// | bytes | what |
/// |---|---|
/// | 0..<512 | the header, fixed when the heap is made, with a checksum |
/// | 512..<4096 | the allocator's root, which changes |
/// | 4096.. | a descriptor of 64 bytes for each page |
/// | then | pages of 4096 bytes, of slabs and of page runs |
enum HeapLayout {
  static let pageSize = 4096
  static let pageShift = 12
  static let descriptorSize = 64
  static let rootOffset = 512
  static let descriptorsOffset = 4096

  /// How many pages hold so many bytes.
  static func pages(_ byteCount: Int) -> Int { (byteCount + pageSize - 1) >> pageShift }

  /// The first page that is not taken by header, root and descriptors, in a heap of so many pages.
  static func firstPage(pageCount: Int) -> Int {
    (descriptorsOffset + pageCount * descriptorSize + pageSize - 1) >> pageShift
  }
}
