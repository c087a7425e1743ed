internal import MemoryAccounting

/// What a tree of processes uses, in a sentence.
struct TreeSentence {
  private let tree: ProcessTree
  private let units: ByteUnit

  init(_ tree: ProcessTree, units: ByteUnit) {
    self.tree = tree
    self.units = units
  }

  /// The sentence, after notes on what it leaves out.
  var lines: [String] {
    var lines: [String] = []
    let denied = tree.processes.filter { $0.condition == .denied }
    let gone = tree.processes.filter { $0.condition == .gone }
    if let note = DeniedNote(denied, units: units) { lines.append(note.text) }
    if !gone.isEmpty {
      lines.append("\(count(gone.count, "process")) ended before being read and is not counted")
    }
    lines.append(sentence)
    return lines
  }

  private var sentence: String {
    let total = tree.total
    let counted = tree.processes.count { $0.condition != .gone }
    let swap = total.swap.bytes == 0 ? "" : " and \(text(total.swap)) of swap space"
    let parts = [
      "\(count(counted, "process")): top counts \(text(total.naive))",
      "really used \(text(total.distinct, marked: false)) of RAM "
        + "(\(total.distinct.exactness.rawValue))\(swap)",
      "\(text(total.copyOnWrite)) of it is copy-on-write",
      "at most \(text(total.couldStillCopy)) more if everyone wrote",
    ]
    guard total.distinct.exactness != .denied else {
      return parts[0] + "; what is really used and shared is denied"
    }
    return parts.joined(separator: "; ")
  }

  private func text(_ figure: MemoryFigure, marked: Bool = true) -> String {
    guard let bytes = figure.bytes else { return "(denied)" }
    return (marked && figure.exactness == .estimate ? "~" : "") + units.text(bytes)
  }

  private func count(_ number: Int, _ noun: String) -> String {
    "\(number) \(noun)\(number == 1 ? "" : noun.hasSuffix("s") ? "es" : "s")"
  }
}
