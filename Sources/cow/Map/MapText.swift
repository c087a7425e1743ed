internal import MemoryAccounting

/// The picture of an address space for the terminal: two cells to a character, one above the other
/// (half blocks), or a letter for each cell where there are no colours.
struct MapText {
  /// Room for the address in front of each line.
  private static let labelWidth = 13
  /// As many rows of cells as stay readable; larger processes get more pages in a cell.
  private static let cellRows = 48

  private let columns: Int
  private let style: Style
  private let units: ByteUnit

  init(columns: Int, style: Style, units: ByteUnit) {
    self.columns = max(columns, Self.labelWidth + 8)
    self.style = style
    self.units = units
  }

  private var cellsPerRow: Int { columns - Self.labelWidth }

  /// How many cells the picture may have: a part of the room is left for gaps.
  var cellLimit: Int { cellsPerRow * (style.isEnabled ? Self.cellRows : Self.cellRows / 2) * 4 / 5 }

  func text(_ process: ProcessMemory, _ picture: AddressSpacePicture) -> String {
    let rows = MapLayout(picture, cellsPerRow: cellsPerRow).rows
    var lines = [
      style.bold("\(process.id) \(process.process.name.printable)")
        + ": one cell is \(units.text(picture.bytesPerCell)) of address space"
    ]
    if style.isEnabled {
      for index in stride(from: 0, to: rows.count, by: 2) {
        let lower = index + 1 < rows.count ? rows[index + 1].cells : []
        lines.append(label(rows[index].address) + halfBlocks(rows[index].cells, lower))
      }
    } else {
      for row in rows {
        lines.append(label(row.address) + String(row.cells.map { $0?.letter ?? " " }))
      }
    }
    lines.append("")
    for category in MapCategory.allCases { lines.append(legend(category, process.memory)) }
    return lines.joined(separator: "\n") + "\n"
  }

  private func label(_ address: UInt64) -> String {
    let digits = String(address, radix: 16)
    return style.dim(String(repeating: " ", count: max(12 - digits.count, 0)) + digits + " ")
  }

  private func halfBlocks(_ upper: [MapCategory?], _ lower: [MapCategory?]) -> String {
    var text = ""
    var latest = ""
    for index in upper.indices {
      let below = index < lower.count ? lower[index] : nil
      let color = sequence(upper[index], below)
      if color != latest { text += color }
      latest = color
      text += upper[index] != nil ? "▀" : below != nil ? "▄" : " "
    }
    return text + "\u{1B}[0m"
  }

  /// The colours of a character: of its upper half in front, of its lower half behind; where only
  /// the lower half is drawn, its colour in front.
  private func sequence(_ upper: MapCategory?, _ lower: MapCategory?) -> String {
    switch (upper?.paletteIndex, lower?.paletteIndex) {
    case (let upper?, let lower?): "\u{1B}[0;38;5;\(upper);48;5;\(lower)m"
    case (let color?, nil), (nil, let color?): "\u{1B}[0;38;5;\(color)m"
    case (nil, nil): "\u{1B}[0m"
    }
  }

  private func legend(_ category: MapCategory, _ memory: MemoryBreakdown) -> String {
    let sign =
      style.isEnabled
      ? "\u{1B}[38;5;\(category.paletteIndex)m██\u{1B}[0m" : " \(category.letter)"
    let figure = category.figure(of: memory)
    let mark = figure.exactness == .estimate ? "~" : ""
    let amount = figure.bytes.map { mark + units.text($0) } ?? "denied"
    let name = category.title
    return "  \(sign)  \(name)\(String(repeating: " ", count: max(24 - name.count, 1)))\(amount)"
  }
}
