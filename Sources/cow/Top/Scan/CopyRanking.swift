/// The mappings in which most was copied in the last minute.
struct CopyRanking {
  struct Place: Equatable {
    let start: UInt64
    let name: String
    let bytesPerMinute: Double
    /// The processes that wrote, as far as that can be known.
    let writers: Set<Int32>
    /// Whether it is certain that they wrote.
    let isCertain: Bool
  }

  private struct Note {
    let time: Double
    let copies: [CopiedPages]
  }

  private var notes: [Note] = []

  /// Notes what was copied until `time`; the first scan has nothing to compare with.
  mutating func note(_ copies: [CopiedPages], at time: Double) {
    notes.append(Note(time: time, copies: copies))
    while notes.count > 2, notes[1].time <= time - CopyHistory.window { notes.removeFirst() }
  }

  /// The places, most first.
  var places: [Place] {
    guard let first = notes.first, let last = notes.last, last.time > first.time else { return [] }
    struct Key: Hashable {
      let start: UInt64
      let name: String
    }
    var copies: [Key: [CopiedPages]] = [:]
    for copied in notes.dropFirst().flatMap(\.copies) {
      copies[Key(start: copied.start, name: copied.name), default: []].append(copied)
    }
    let minutes = (last.time - first.time) / 60
    return copies.map { key, copies in
      Place(
        start: key.start, name: key.name,
        bytesPerMinute: Double(copies.reduce(0) { $0 + $1.bytes }) / minutes,
        writers: Set(copies.compactMap(\.writer)),
        isCertain: copies.allSatisfy(\.isCertain))
    }.sorted { ($1.bytesPerMinute, $0.start) < ($0.bytesPerMinute, $1.start) }
  }
}
