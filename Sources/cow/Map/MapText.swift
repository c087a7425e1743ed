internal import MemoryAccounting

/// The picture of an address space for the terminal: two cells to a character, one above the other
/// (half blocks), or a letter for each cell where there are no colours.
struct MapText {
  /// Room for the address in front of each line, and for the name of the mapping there where there is
  /// any.
  private static let addressWidth = 13
  private static let nameWidth = 16
  private static let mappingLimit = 10
  /// As many rows of cells as stay readable; larger processes get more pages in a cell.
  private static let cellRows = 48

  private let columns: Int
  private let style: Style
  private let units: ByteUnit

  init(columns: Int, style: Style, units: ByteUnit) {
    self.columns = max(columns, Self.addressWidth + 8)
    self.style = style
    self.units = units
  }

  private var showsNames: Bool { columns >= 60 }

  private var cellsPerRow: Int {
    columns - Self.addressWidth - (showsNames ? Self.nameWidth + 1 : 0)
  }

  /// How many cells the picture may have: a part of the room is left for gaps.
  var cellLimit: Int { cellsPerRow * (style.isEnabled ? Self.cellRows : Self.cellRows / 2) * 4 / 5 }

  func text(_ process: ProcessMemory, _ picture: AddressSpacePicture) -> String {
    let rows = MapLayout(picture, cellsPerRow: cellsPerRow).rows
    let names = MapNames(process.mappings)
    var lines = [
      style.bold("\(process.id) \(process.process.name.printable)")
        + ": one cell is \(units.text(picture.bytesPerCell)) of address space"
    ]
    if style.isEnabled {
      for index in stride(from: 0, to: rows.count, by: 2) {
        let lower = index + 1 < rows.count ? rows[index + 1].cells : []
        lines.append(label(rows[index].address, names) + halfBlocks(rows[index].cells, lower))
      }
    } else {
      for row in rows {
        lines.append(label(row.address, names) + String(row.cells.map { $0?.letter ?? " " }))
      }
    }
    lines.append("")
    for category in MapCategory.allCases { lines.append(legend(category, process.memory)) }
    lines += ["", Columns.fitted(MapSummary(process.memory).text(units), columns), ""]
    lines += mappingTable(names, process.mappings.count)
    return lines.joined(separator: "\n") + "\n"
  }

  private func label(_ address: UInt64, _ names: MapNames) -> String {
    let number = Columns.right(String(address, radix: 16), 12) + " "
    guard showsNames else { return style.dim(number) }
    let name = Columns.fitted(names.name(at: address), Self.nameWidth)
    return style.dim(number + Columns.left(name, Self.nameWidth + 1))
  }

  private func mappingTable(_ names: MapNames, _ count: Int) -> [String] {
    let largest = names.largest(Self.mappingLimit)
    let text = { (figure: MemoryFigure) in
      figure.bytes.map { figure.exactness.mark + units.text($0) } ?? "denied"
    }
    let rows = largest.map { mapping in
      [
        text(mapping.memory.resident), text(mapping.memory.copyOnWriteColumn),
        text(mapping.memory.private),
        MappingName(mapping.name, start: mapping.addresses.lowerBound).text,
      ]
    }
    var lines = Columns.table(
      [["RES", "COW", "PRIVATE", "LARGEST MAPPINGS"]] + rows, width: columns)
    lines[0] = style.bold(lines[0])
    if count > rows.count {
      lines.append(Columns.fitted("all \(count) of them: cow stat --maps", columns))
    }
    return lines
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
    return "  \(sign)  \(name)\(String(repeating: " ", count: max(28 - name.count, 1)))\(amount)"
  }
}
