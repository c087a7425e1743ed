/// Where the pages of a region lie.
struct RegionLayout: Sendable {
  let address: UInt
  let pageSize: Int
  let pageCount: Int

  init(address: UInt, byteCount: Int) {
    self.address = address
    pageSize = Kernel.pageSize
    pageCount = byteCount / Kernel.pageSize
  }

  var byteCount: Int {
    @_noLocks get { pageCount * pageSize }
  }

  var addresses: Range<UInt> { address..<address + UInt(byteCount) }

  @_noLocks
  func address(ofPage page: Int) -> UInt { address + UInt(page * pageSize) }

  @_noLocks
  func contains(_ address: UInt) -> Bool {
    address >= self.address && address - self.address < UInt(byteCount)
  }

  /// The page that an address of the region lies in.
  @_noLocks
  func page(at address: UInt) -> Int { Int((address - self.address) / UInt(pageSize)) }

  /// The start of the page that an address lies in, of the region or of a view.
  @_noLocks
  func pageStart(_ address: UInt) -> UInt { address & ~UInt(pageSize - 1) }
}
