internal import Glibc
internal import SystemPackage

/// Memory mapped by this library, with one owner, unmapped when that goes. A forked child does not
/// inherit it.
struct Mapping: ~Copyable {
  let address: UInt
  let byteCount: Int

  /// Maps zeros; `alignment` is a power of two, at least a page. Pages cost memory once written.
  init(anonymous byteCount: Int, alignedTo alignment: Int) throws(Errno) {
    let padded = byteCount + alignment - Kernel.pageSize
    self.init(
      trimming: try Kernel.mapAnonymous(padded), padded, byteCount, alignment)
  }

  /// Reserves address space, of which parts are opened later (`Kernel.makeAccessible`).
  init(reserving byteCount: Int, alignedTo alignment: Int) throws(Errno) {
    let padded = byteCount + alignment - Kernel.pageSize
    self.init(trimming: try Kernel.reserve(padded), padded, byteCount, alignment)
  }

  /// Takes the aligned part of what was mapped and unmaps the rest.
  private init(trimming start: UInt, _ padded: Int, _ byteCount: Int, _ alignment: Int) {
    let aligned = (start + UInt(alignment) - 1) & ~(UInt(alignment) - 1)
    let head = Int(aligned - start)
    let tail = padded - head - byteCount
    if head > 0 { Kernel.unmap(start, head) }
    if tail > 0 { Kernel.unmap(aligned + UInt(byteCount), tail) }
    address = aligned
    self.byteCount = byteCount
  }

  init(anonymous byteCount: Int) throws(Errno) {
    try self.init(anonymous: byteCount, alignedTo: Kernel.pageSize)
  }

  /// Maps a memory file, shared.
  init(file: Int32, byteCount: Int) throws(Errno) {
    address = try Kernel.mapFile(file, byteCount)
    self.byteCount = byteCount
  }

  /// Takes over memory that was mapped.
  init(owning address: UInt, byteCount: Int) {
    self.address = address
    self.byteCount = byteCount
  }

  deinit { Kernel.unmap(address, byteCount) }

  /// Gives up ownership: the memory stays mapped.
  consuming func release() -> UInt {
    let address = address
    discard self
    return address
  }
}
