internal import Foundation

/// A sample as `cow stat --json` and `cow record` write it, read again.
struct SavedSample: Decodable {
  struct Process: Decodable {
    let pid: Int32
    let name: String
    let startTicks: UInt64
    let figures: SavedFigures
    let mappings: [Mapping]

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: SavedKey.self)
      pid = try container.decode(Int32.self, forKey: "pid")
      name = try container.decode(String.self, forKey: "name")
      startTicks = try container.decode(UInt64.self, forKey: "startTicks")
      figures = try SavedFigures(from: decoder)
      mappings = try container.decodeIfPresent([Mapping].self, forKey: "mappings") ?? []
    }
  }

  struct Mapping: Decodable {
    let start: UInt64
    let end: UInt64
    let name: String
    let figures: SavedFigures

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: SavedKey.self)
      start = try container.decode(UInt64.self, forKey: "start")
      end = try container.decode(UInt64.self, forKey: "end")
      name = try container.decode(String.self, forKey: "name")
      var figures = try SavedFigures(from: decoder)
      figures.hasOnlySome = true
      self.figures = figures
    }
  }

  let version: Int
  let time: String
  let uptimeSeconds: Double
  let bootID: String?
  let processes: [Process]
  let total: SavedFigures
}

/// When a sample was taken: all that is read of those that are only passed on the way.
struct SavedMoment: Decodable {
  let version: Int
  let time: String
  let uptimeSeconds: Double
}

/// The figures of a process, a mapping or a total: every member whose name ends in "Bytes".
struct SavedFigures: Decodable {
  /// The amounts; those that were denied are not there.
  let bytes: [String: UInt64]
  /// The names of those that were denied.
  private var denied: Set<String> = []
  /// Whether figures that are 0 may have been left out, as those of mappings are.
  var hasOnlySome = false
  /// The names of those that are estimates.
  let estimates: Set<String>

  init(bytes: [String: UInt64], estimates: Set<String> = []) {
    self.bytes = bytes
    self.estimates = estimates
  }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: SavedKey.self)
    var bytes: [String: UInt64] = [:]
    var denied: Set<String> = []
    for key in container.allKeys where key.stringValue.hasSuffix("Bytes") {
      if let amount = try container.decodeIfPresent(UInt64.self, forKey: key) {
        bytes[key.stringValue] = amount
      } else {
        denied.insert(key.stringValue)
      }
    }
    self.denied = denied
    self.bytes = bytes
    estimates = Set(try container.decodeIfPresent([String].self, forKey: "estimates") ?? [])
  }

  /// An amount, `nil` if it was denied or is not there.
  subscript(name: String) -> UInt64? {
    bytes[name] ?? (hasOnlySome && !denied.contains(name) ? 0 : nil)
  }

  /// The sum of figures that both have.
  static func + (left: SavedFigures, right: SavedFigures) -> SavedFigures {
    let common = left.bytes.filter { right.bytes[$0.key] != nil }
    return SavedFigures(
      bytes: common.merging(right.bytes.filter { common[$0.key] != nil }) { $0 &+ $1 },
      estimates: left.estimates.union(right.estimates))
  }
}

/// A member's name, whichever it is.
private struct SavedKey: CodingKey, ExpressibleByStringLiteral {
  let stringValue: String
  var intValue: Int? { nil }

  init(stringLiteral name: String) { stringValue = name }
  init?(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { nil }
}
