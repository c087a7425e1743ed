/// What changed, for other programs, under fixed names.
struct DiffDocument: Encodable {
  private let difference: SampleDifference

  init(_ difference: SampleDifference) { self.difference = difference }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Name.self)
    try container.encode(1, forKey: "version")
    try container.encode(difference.from.time, forKey: "from")
    try container.encode(difference.to.time, forKey: "to")
    try container.encode(difference.seconds, forKey: "seconds")
    try container.encode(difference.matching, forKey: "matchedBy")
    try container.encode(Change(difference.total), forKey: "total")
    try container.encode(difference.processes.map(ProcessChange.init), forKey: "processes")
  }

  private struct ProcessChange: Encodable {
    let process: ProcessDifference

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: Name.self)
      try container.encode(process.pid, forKey: "pid")
      try container.encode(process.name, forKey: "name")
      try container.encode(process.fate, forKey: "fate")
      try container.encode(Change(process.change), forKey: "figures")
      try container.encode(process.mappings.map(MappingChange.init), forKey: "mappings")
    }
  }

  private struct MappingChange: Encodable {
    let mapping: MappingDifference

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: Name.self)
      try container.encode(mapping.start, forKey: "start")
      try container.encode(mapping.name, forKey: "name")
      try container.encode(mapping.fate, forKey: "fate")
      try container.encode(Change(mapping.change), forKey: "figures")
    }
  }

  /// Each figure with its amounts before and after, and the difference.
  private struct Change: Encodable {
    let change: FigureChange

    init(_ change: FigureChange) { self.change = change }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: Name.self)
      for name in change.names {
        var figure = container.nestedContainer(keyedBy: Name.self, forKey: Name(name))
        try figure.encode(change.before(name), forKey: "from")
        try figure.encode(change.after(name), forKey: "to")
        try figure.encode(change[name], forKey: "change")
        try figure.encode(change.isEstimate(name), forKey: "isEstimate")
      }
    }
  }

  private struct Name: CodingKey, ExpressibleByStringLiteral {
    let stringValue: String
    var intValue: Int? { nil }

    init(_ name: String) { stringValue = name }
    init(stringLiteral name: String) { stringValue = name }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }
}
