internal import MemoryAccounting

/// The mappings in which most is copied, and who writes to them.
struct TopPlaces {
  let places: [CopyRanking.Place]
  let tree: ProcessTree?
  let units: ByteUnit
  let style: Style
  let width: Int

  var lines: [String] {
    let rows = places.map { place in
      [
        MappingName(place.name, start: place.start).text, writers(of: place),
        units.short(difference: Int64(place.bytesPerMinute.rounded())), left(place),
      ]
    }
    let title = ["FASTEST DIVERGING", "WRITTEN BY", "/MIN", "LEFT TO COPY"]
    let all = [title] + rows
    let numberWidths = (2...3).map { column in all.reduce(0) { max($0, $1[column].count) } }
    let room = max(width - numberWidths.reduce(0) { $0 + $1 + 2 } - 2, 20)
    let writerWidth = min(all.reduce(0) { max($0, $1[1].count) }, room / 2)
    let nameWidth = min(all.reduce(0) { max($0, $1[0].count) }, room - writerWidth)
    return all.enumerated().map { index, row in
      let line =
        Columns.left(Columns.fitted(row[0], nameWidth), nameWidth) + "  "
        + Columns.left(Columns.fitted(row[1], writerWidth), writerWidth) + "  "
        + Columns.right(row[2], numberWidths[0]) + "  " + Columns.right(row[3], numberWidths[1])
      let fitted = Columns.fitted(line, width)
      return index == 0 ? style.bold(fitted) : fitted
    }
  }

  private func writers(of place: CopyRanking.Place) -> String {
    let known = place.writers.sorted()
    guard let first = known.first else { return "not known" }
    let mark = place.isCertain ? "" : Exactness.estimate.mark
    let all = (tree?.processes ?? []).filter { $0.condition == .read }
    let workers = Set(all.map(\.id)).intersection(Set(all.filter { $0.differing != nil }.map(\.id)))
    let names: String
    if known.count > 1, Set(known) == workers {
      names = "all \(known.count) children"
    } else {
      names =
        known.count > 3
        ? "\(known.count) processes" : known.map(String.init).joined(separator: ", ")
    }
    let name =
      known.count == 1 ? all.first { $0.id == first }.map { " \($0.process.name.printable)" } : nil
    return mark + names + (name ?? "")
  }

  /// What is still shared copy-on-write in all mappings of this place.
  private func left(_ place: CopyRanking.Place) -> String {
    let mappings = (tree?.processes ?? []).flatMap { process in
      process.mappings.filter { $0.addresses.lowerBound == place.start && $0.name == place.name }
    }
    let figure = mappings.map(\.memory.copyOnWrite).reduce(MemoryFigure(bytes: 0), +)
    return figure.bytes.map { figure.exactness.mark + units.short($0) } ?? "denied"
  }
}
