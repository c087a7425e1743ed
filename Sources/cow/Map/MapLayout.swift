internal import MemoryAccounting

/// The cells of a picture in rows of equal length, by address; an empty cell stands for a gap in the
/// populated address space, however long.
struct MapLayout {
  struct Row {
    /// The address of the first cell that is not empty.
    let address: UInt64
    /// `nil` for a gap.
    let cells: [MapCategory?]
    /// Where each cell begins.
    let addresses: [UInt64]
  }

  let rows: [Row]

  init(_ picture: AddressSpacePicture, cellsPerRow: Int) {
    var all: [(address: UInt64, category: MapCategory?)] = []
    for cell in picture.cells {
      if let last = all.last, last.address + picture.bytesPerCell != cell.address {
        all.append((cell.address, nil))
      }
      all.append((cell.address, MapCategory(cell)))
    }
    rows = stride(from: 0, to: all.count, by: cellsPerRow).map { start in
      let row = all[start..<min(start + cellsPerRow, all.count)]
      return Row(
        address: row.first?.address ?? 0, cells: row.map(\.category),
        addresses: row.map(\.address))
    }
  }
}
