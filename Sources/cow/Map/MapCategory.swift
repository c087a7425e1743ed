internal import MemoryAccounting

/// What a cell of the picture is coloured by.
enum MapCategory: CaseIterable {
  case copyOnWrite, unwritten, zero, protected, `private`, file, readOnly, swapped

  init(_ cell: AddressSpacePicture.Cell) {
    let populated = cell.pages.values.reduce(0, +)
    if cell.protectedPages * 2 >= populated {
      self = .protected
      return
    }
    switch cell.state {
    case .sharedAnonymous, .merged: self = .copyOnWrite
    case .private: self = .private
    case .zero: self = .zero
    case .unwrittenFile: self = .unwritten
    case .shared: self = .file
    case .sharedReadOnly: self = .readOnly
    case .swapped: self = .swapped
    }
  }

  var title: String {
    switch self {
    case .copyOnWrite: "shared by fork, or merged"
    case .unwritten: "file, not written yet"
    case .zero: "zero pages"
    case .protected: "userfault-protected"
    case .private: "private"
    case .file: "file or shared memory"
    case .readOnly: "shared read-only"
    case .swapped: "swapped"
    }
  }

  /// The category's letter where there are no colours.
  var letter: Character {
    switch self {
    case .copyOnWrite: "c"
    case .private: "p"
    case .zero: "0"
    case .unwritten: "w"
    case .file: "f"
    case .readOnly: "r"
    case .swapped: "s"
    case .protected: "u"
    }
  }

  /// The colour on screens of 256, by its number in the xterm palette.
  var paletteIndex: Int {
    switch self {
    case .copyOnWrite: 214
    case .private: 71
    case .zero: 245
    case .unwritten: 220
    case .file: 67
    case .readOnly: 37
    case .swapped: 97
    case .protected: 161
    }
  }

  /// The same colour for SVG.
  var hex: String {
    switch self {
    case .copyOnWrite: "#ffaf00"
    case .private: "#5faf5f"
    case .zero: "#8a8a8a"
    case .unwritten: "#ffd700"
    case .file: "#5f87af"
    case .readOnly: "#00afaf"
    case .swapped: "#875faf"
    case .protected: "#d7005f"
    }
  }

  /// The figure that the legend shows.
  func figure(of memory: MemoryBreakdown) -> MemoryFigure {
    switch self {
    case .copyOnWrite: memory.sharedAnonymous + memory.merged
    case .private: memory.private
    case .zero: memory.zero
    case .unwritten: memory.unwrittenFile
    case .file: memory.shared
    case .readOnly: memory.sharedReadOnly
    case .swapped: memory.swapped
    case .protected: memory.userfaultProtected
    }
  }
}
