internal import CUserfault

/// Text of a file of the kernel's, in a buffer of the reader's own, taken apart without allocating.
@safe
struct KernelText {
  private let bytes: UnsafeRawBufferPointer

  init(_ bytes: UnsafeRawBufferPointer) { unsafe self.bytes = bytes }

  var count: Int { unsafe bytes.count }

  subscript(index: Int) -> UInt8 { unsafe bytes[index] }

  subscript(range: Range<Int>) -> KernelText {
    unsafe KernelText(UnsafeRawBufferPointer(rebasing: bytes[range]))
  }

  func starts(with name: StaticString) -> Bool {
    guard count >= name.utf8CodeUnitCount else { return false }
    for index in 0..<name.utf8CodeUnitCount where unsafe name.utf8Start[index] != self[index] {
      return false
    }
    return true
  }

  func first(_ byte: UInt8, from start: Int = 0) -> Int? {
    var index = start
    while index < count {
      if self[index] == byte { return index }
      index += 1
    }
    return nil
  }

  /// The number that the text starts with; `nil` if it starts with something else.
  var number: Int? {
    var value = 0
    var index = 0
    while index < count, case let digit = Int(self[index]) - 48, 0 <= digit, digit <= 9 {
      let (product, overflows) = value.multipliedReportingOverflow(by: 10)
      if overflows { return .max }
      let (sum, carries) = product.addingReportingOverflow(digit)
      if carries { return .max }
      value = sum
      index += 1
    }
    return index > 0 ? value : nil
  }

  /// Calls `body` with each line, without its end, until it returns true.
  func forEachLine(_ body: (KernelText) -> Bool) {
    var start = 0
    while start < count {
      let end = first(UInt8(ascii: "\n"), from: start) ?? count
      if body(self[start..<end]) { return }
      start = end + 1
    }
  }

  /// The number after a name and a space, in the line that starts so.
  func number(after name: StaticString) -> Int? {
    var found: Int?
    forEachLine { line in
      let length = name.utf8CodeUnitCount
      guard line.starts(with: name), line.count > length, line[length] == UInt8(ascii: " ") else {
        return false
      }
      found = line[length + 1..<line.count].number
      return true
    }
    return found
  }
}

extension Kernel {
  /// Reads a file of the kernel's. Returns how many bytes it has, or a negated errno.
  static func readFile(
    _ path: UnsafePointer<CChar>, into buffer: UnsafeMutableRawBufferPointer
  ) -> Int {
    guard let start = buffer.baseAddress else { return 0 }
    return unsafe ask(.readFile, Int(cuserfault_read_file(path, start, buffer.count)))
  }

  static var freeSwapBytes: Int { Int(clamping: cuserfault_free_swap()) }
}
