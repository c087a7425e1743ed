internal import MemoryAccounting

/// The picture of an address space as a document of Scalable Vector Graphics.
struct MapPicture {
  private static let cellsPerRow = 128
  private static let cellSize = 7
  private static let labelWidth = 230
  private static let margin = 16
  private static let titleHeight = 44
  private static let legendWidth = 250

  /// How many cells the picture may have.
  static let cellLimit = cellsPerRow * 96

  private let units: ByteUnit

  init(units: ByteUnit) { self.units = units }

  func text(_ process: ProcessMemory, _ picture: AddressSpacePicture) -> String {
    let rows = MapLayout(picture, cellsPerRow: Self.cellsPerRow).rows
    let names = MapNames(process.mappings)
    let left = Self.margin + Self.labelWidth
    let top = Self.margin + Self.titleHeight
    let legendLeft = left + Self.cellsPerRow * Self.cellSize + Self.margin
    let width = legendLeft + Self.legendWidth + Self.margin
    let legendHeight = MapCategory.allCases.count * 22
    let height = top + max(rows.count * Self.cellSize, legendHeight) + Self.margin

    var lines = [
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"\(width)\" height=\"\(height)\" "
        + "viewBox=\"0 0 \(width) \(height)\" font-family=\"monospace\" font-size=\"11\" "
        + "stroke=\"none\" shape-rendering=\"crispEdges\">",
      "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>",
      "<text x=\"\(left)\" y=\"\(Self.margin + 12)\" font-size=\"15\" fill=\"#222222\">"
        + "Address space of \(process.id) (\(escaped(process.process.name.printable)))</text>",
      "<text x=\"\(left)\" y=\"\(Self.margin + 30)\" fill=\"#555555\">"
        + "\(escaped(MapSummary(process.memory).text(units))); one cell is "
        + "\(units.text(picture.bytesPerCell)), empty cells are gaps</text>",
    ]
    for (index, row) in rows.enumerated() {
      let y = top + index * Self.cellSize
      // A label is taller than a row of cells.
      if index % 2 == 0 {
        lines.append(
          "<text x=\"\(left - 8)\" y=\"\(y + Self.cellSize + 3)\" text-anchor=\"end\" "
            + "fill=\"#777777\">\(escaped(names.name(at: row.address).prefix(20).description)) "
            + "\(String(row.address, radix: 16))</text>")
      }
      lines.append(contentsOf: rectangles(row, names, left, y))
    }
    for (index, category) in MapCategory.allCases.enumerated() {
      lines.append(contentsOf: legend(category, process.memory, legendLeft, top + index * 22))
    }
    lines.append("</svg>")
    return lines.joined(separator: "\n") + "\n"
  }

  /// One rectangle for each run of equal cells of a mapping, whose name it has.
  private func rectangles(_ row: MapLayout.Row, _ names: MapNames, _ left: Int, _ y: Int)
    -> [String]
  {
    let cells = row.cells
    let mappings = row.addresses.map { names.index(at: $0) }
    var lines: [String] = []
    var start = 0
    for end in 1...max(cells.count, 1)
    where end >= cells.count || cells[end] != cells[start] || mappings[end] != mappings[start] {
      if start < cells.count, let category = cells[start] {
        let address = row.addresses[start]
        lines.append(
          "<rect x=\"\(left + start * Self.cellSize)\" y=\"\(y)\" "
            + "width=\"\((end - start) * Self.cellSize)\" height=\"\(Self.cellSize)\" "
            + "fill=\"\(category.hex)\"><title>"
            + escaped(MappingName(names.name(at: address), start: address).text)
            + "</title></rect>")
      }
      start = end
    }
    return lines
  }

  private func legend(
    _ category: MapCategory, _ memory: MemoryBreakdown, _ x: Int, _ y: Int
  ) -> [String] {
    let amount = category.figure(of: memory).bytes.map { units.text($0) } ?? "denied"
    return [
      "<rect x=\"\(x)\" y=\"\(y)\" width=\"12\" height=\"12\" fill=\"\(category.hex)\"/>",
      "<text x=\"\(x + 18)\" y=\"\(y + 10)\" fill=\"#222222\">"
        + "\(escaped(category.title)): \(escaped(amount))</text>",
    ]
  }

  private func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
  }
}
