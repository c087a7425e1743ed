internal import MemoryAccounting

/// Named figures in a fixed order.
struct FigureSet: Encodable {
  private let figures: [(name: String, figure: MemoryFigure?)]

  init(_ memory: MemoryBreakdown) {
    figures = [
      ("residentBytes", memory.resident), ("uniqueBytes", memory.unique),
      ("copyOnWriteBytes", memory.copyOnWrite), ("privateBytes", memory.private),
      ("sharedBytes", memory.shared), ("sharedReadOnlyBytes", memory.sharedReadOnly),
      ("hugetlbBytes", memory.hugetlb), ("swappedBytes", memory.swapped),
      ("swappedSharedBytes", memory.swappedShared),
      ("userfaultProtectedBytes", memory.userfaultProtected),
      ("sharedAnonymousBytes", memory.sharedAnonymous),
      ("unwrittenFileBytes", memory.unwrittenFile), ("zeroBytes", memory.zero),
      ("mergedBytes", memory.merged),
    ]
  }

  init(process: ProcessMemory?) {
    figures =
      FigureSet(process?.memory ?? .denied).figures + [
        ("differingBytes", process?.differing), ("freshBytes", process?.fresh),
        ("proportionalBytes", process?.proportional?.resident),
        ("swapProportionalBytes", process?.proportional?.swapped),
        ("freedBytes", process?.freed.certain), ("freedAtMostBytes", process?.freed.atMost),
        ("treeBytes", process?.subtree?.distinct), ("treeSwapBytes", process?.subtree?.swap),
        ("treeFreedBytes", process?.subtree?.freed.certain),
        ("treeFreedAtMostBytes", process?.subtree?.freed.atMost),
        ("copiedBytes", process?.writers?.process),
        ("copiedByParentBytes", process?.writers?.parent),
        ("copiedByUnknownBytes", process?.writers?.unknown),
      ]
  }

  init(mapping: MappingMemory?) {
    figures =
      FigureSet(mapping?.memory ?? .denied).figures + [
        ("differingBytes", mapping?.differing), ("copiedBytes", mapping?.writers?.process),
        ("copiedByParentBytes", mapping?.writers?.parent),
        ("copiedByUnknownBytes", mapping?.writers?.unknown),
      ]
  }

  init(_ total: TreeTotal) {
    figures = [
      ("distinctBytes", total.distinct), ("privateBytes", total.private),
      ("sharedAnonymousBytes", total.sharedAnonymous), ("fileBytes", total.files),
      ("copyOnWriteBytes", total.copyOnWrite), ("swapBytes", total.swap),
      ("naiveBytes", total.naive), ("differingBytes", total.differing),
      ("couldStillCopyBytes", total.couldStillCopy),
    ]
  }

  init(_ group: ProcessGroup) {
    figures = [
      ("distinctBytes", group.total?.distinct), ("swapBytes", group.total?.swap),
      ("freedBytes", group.total?.freed.certain), ("freedAtMostBytes", group.total?.freed.atMost),
    ]
  }

  /// The sums over the processes of a group.
  init(sumsOf group: ProcessGroup) {
    figures =
      FigureSet(group.memory).figures + [
        ("proportionalBytes", group.proportional?.resident),
        ("swapProportionalBytes", group.proportional?.swapped),
      ]
  }

  var names: [String] { figures.map(\.name) }

  /// The amounts as text, empty where there is none.
  var values: [String] { figures.map { $0.figure?.bytes.map(String.init) ?? "" } }

  /// How well the worst of the figures is known.
  var exactness: Exactness { figures.compactMap(\.figure?.exactness).max() ?? .exact }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: FigureName.self)
    for (name, figure) in figures {
      if let bytes = figure?.bytes {
        try container.encode(bytes, forKey: FigureName(name))
      } else {
        try container.encodeNil(forKey: FigureName(name))
      }
    }
    try container.encode(exactness, forKey: FigureName("exactness"))
    let named = { (exactness: Exactness) in
      figures.filter { $0.figure?.exactness == exactness }.map(\.name)
    }
    try container.encode(named(.estimate), forKey: FigureName("estimates"))
    try container.encode(named(.bound), forKey: FigureName("bounds"))
  }

  /// The figures that are not 0, and those that are denied; what is not exact is named where anything is.
  func encodeShort(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: FigureName.self)
    var estimates: [String] = []
    for (name, figure) in figures {
      guard let figure, figure.bytes != 0 else { continue }
      try container.encode(figure.bytes, forKey: FigureName(name))
      if figure.exactness == .estimate { estimates.append(name) }
    }
    if !estimates.isEmpty { try container.encode(estimates, forKey: FigureName("estimates")) }
  }

  private struct FigureName: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(_ name: String) { stringValue = name }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }
}
