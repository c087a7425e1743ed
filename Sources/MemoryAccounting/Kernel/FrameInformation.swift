internal import SystemPackage

/// /proc/kpagecount or /proc/kpageflags: one 8-byte number for each page frame of the machine.
final class FrameInformation {
  private let file: FileDescriptor

  private init(_ file: FileDescriptor) { self.file = file }

  deinit { try? file.close() }

  /// How many times each frame is mapped; `nil` where that may not be read.
  static func mapCounts() -> FrameInformation? { open("/proc/kpagecount") }

  /// The flags of each frame; `nil` where they may not be read.
  static func flags() -> FrameInformation? { open("/proc/kpageflags") }

  /// `KPF_KSM`: the page has been merged with equal ones.
  static let merged = UInt64(1) << 21

  private static func open(_ path: String) -> FrameInformation? {
    guard let file = try? ProcFile.open(path) else { return nil }
    return FrameInformation(file)
  }

  /// Reads the numbers of the frames from `first` on; those beyond the end of memory are 0.
  ///
  /// The kernel's cost per frame dominates (about 50 ns), a call costs as much as some ten frames.
  func read(from first: UInt64, into numbers: UnsafeMutableBufferPointer<UInt64>) {
    let bytes = UnsafeMutableRawBufferPointer(numbers)
    let count =
      (try? unsafe ProcFile.read(file, at: Int64(first) * 8, into: bytes)) ?? 0
    unsafe numbers[(count / 8)...].update(repeating: 0)
  }
}
