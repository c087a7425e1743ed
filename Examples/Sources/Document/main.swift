// Undo and redo in a document model: each step is a snapshot, however much an edit has changed.
// Run it with: swift run -c release Document

import RegionCollections

struct Paragraph: BitwiseCopyable {
  var text: RegionBytes
  var level: Int32
  /// Comments: an array of its own for each paragraph.
  var comments: RegionArray<RegionBytes>
}

/// A document in a heap, and its history in snapshots.
struct Document: ~Copyable {
  private var heap: RegionHeap
  private let paragraphs: RegionArray<Paragraph>
  private var undoSteps: [HeapSnapshot] = []
  private var redoSteps: [HeapSnapshot] = []

  init() throws {
    var heap = try RegionHeap(byteCount: 64 << 20)
    paragraphs = try heap.array(of: Paragraph.self, named: "paragraphs")
    self.heap = heap
  }

  /// Makes an edit that can be undone; one that throws changes nothing.
  mutating func edit(_ body: (inout RegionHeap, RegionArray<Paragraph>) throws -> Void) throws {
    let before = try heap.makeSnapshot()
    let paragraphs = paragraphs
    try heap.transaction { heap in try body(&heap, paragraphs) }
    undoSteps.append(before)
    redoSteps = []
  }

  mutating func undo() throws -> Bool {
    guard let step = undoSteps.popLast() else { return false }
    redoSteps.append(try heap.makeSnapshot())
    try heap.restore(to: step)
    return true
  }

  mutating func redo() throws -> Bool {
    guard let step = redoSteps.popLast() else { return false }
    undoSteps.append(try heap.makeSnapshot())
    try heap.restore(to: step)
    return true
  }

  var text: String {
    var lines: [String] = []
    for index in heap[paragraphs].indices {
      let paragraph = heap[paragraphs][index]
      let indent = String(repeating: "  ", count: Int(paragraph.level))
      let comments = heap[paragraph.comments].count
      lines.append(indent + heap[paragraph.text].string + (comments > 0 ? " [\(comments)]" : ""))
    }
    return lines.joined(separator: "\n")
  }

  /// How much memory the whole history takes beside the document.
  var historyBytes: Int { heap.region.statistics.preservedBytes }
}

extension RegionHeap {
  mutating func addParagraph(
    _ text: String, level: Int32, to paragraphs: RegionArray<Paragraph>
  ) throws {
    let paragraph = Paragraph(
      text: try makeBytes(text), level: level, comments: try makeArray(of: RegionBytes.self))
    try self[paragraphs].append(paragraph)
  }
}

func run() throws {
  var document = try Document()
  var states = [document.text]
  func check(_ condition: Bool, _ sentence: String) {
    if !condition { fatalError(sentence) }
  }
  for number in 1...200 {
    try document.edit { heap, paragraphs in
      try heap.addParagraph("Paragraph \(number)", level: Int32(number % 3), to: paragraphs)
      if number % 5 == 0 {
        let comments = heap[paragraphs][number / 2].comments
        try heap[comments].append(heap.makeBytes("see \(number)"))
      }
      if number % 7 == 0 {
        let text = heap[paragraphs][0].text
        try heap[text].set("The title, for the \(number / 7). time")
      }
      if number % 40 == 0 { heap[paragraphs].removeSubrange(1..<10) }
    }
    states.append(document.text)
  }
  for state in states.dropLast().reversed() {
    check(try document.undo(), "there is nothing to undo")
    check(document.text == state, "undo has come to another state")
  }
  check(!(try document.undo()), "there is more to undo than was done")
  for state in states.dropFirst() {
    check(try document.redo(), "there is nothing to redo")
    check(document.text == state, "redo has come to another state")
  }
  struct Refused: Error {}
  try? document.edit { heap, paragraphs in
    heap[paragraphs].removeAll()
    throw Refused()
  }
  check(document.text == states.last, "a refused edit has changed the document")
  print(document.text.split(separator: "\n").prefix(3).joined(separator: "\n"))
  print("200 edits undone and redone; the history holds \(document.historyBytes >> 10) KiB")
}

try run()
