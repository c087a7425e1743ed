internal import MemoryAccounting

/// What a cell of the picture is coloured by.
enum MapCategory: CaseIterable {
  case copyOnWrite, `private`, zero, file, readOnly, swapped, protected

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
    case .unwrittenFile, .shared: self = .file
    case .sharedReadOnly: self = .readOnly
    case .swapped: self = .swapped
    }
  }

  var title: String {
    switch self {
    case .copyOnWrite: "copy-on-write, shared"
    case .private: "private"
    case .zero: "zero pages"
    case .file: "file or shared memory"
    case .readOnly: "shared read-only"
    case .swapped: "swapped"
    case .protected: "userfault-protected"
    }
  }

  /// The category's letter where there are no colours.
  var letter: Character {
    switch self {
    case .copyOnWrite: "c"
    case .private: "p"
    case .zero: "0"
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
    case .file: memory.unwrittenFile + memory.shared
    case .readOnly: memory.sharedReadOnly
    case .swapped: memory.swapped
    case .protected: memory.userfaultProtected
    }
  }
}
