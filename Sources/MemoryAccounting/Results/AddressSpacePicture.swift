/// The populated address space of a process in cells of equally many pages, to be drawn.
public struct AddressSpacePicture: Codable, Sendable {
  /// An aligned group of pages of which at least one is populated.
  public struct Cell: Codable, Sendable {
    /// The address of its first page.
    public let address: UInt64
    /// How many of its pages are of each state; the others are not populated.
    public let pages: [PageState: UInt64]
    /// How many of its resident pages userfaultfd protects.
    public let protectedPages: UInt64

    /// The state of most of its pages.
    public var state: PageState {
      let order = PageState.allCases
      return order.max { (pages[$0] ?? 0, -$0.rawValue) < (pages[$1] ?? 0, -$1.rawValue) }
        ?? .private
    }
  }

  /// How many pages a cell has, populated or not: a power of two.
  public let pagesPerCell: Int
  /// The cells that hold any page, by address; between two of them there may be a gap.
  public let cells: [Cell]
  /// How many bytes of address space a cell stands for.
  public var bytesPerCell: UInt64 { UInt64(pagesPerCell) * Kernel.pageSize }

  init(pagesPerCell: Int, cells: [Cell]) {
    self.pagesPerCell = pagesPerCell
    self.cells = cells
  }
}
