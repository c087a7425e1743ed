import Foundation
import MemorySnapshots

let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))

// Plain loads and stores, marked unsafe in one place. Offsets are the tests' own.

extension MemoryRegion {
  convenience init(
    pages: Int, _ mode: RegionMode = RegionMode(), _ change: (inout Options) -> Void = { _ in }
  ) throws(SnapshotError) {
    var options = mode.options
    change(&options)
    try self.init(byteCount: pages * pageSize, options: options)
  }

  func store(_ value: UInt64, at offset: Int) {
    unsafe baseAddress.storeBytes(of: value, toByteOffset: offset, as: UInt64.self)
  }

  func load(at offset: Int) -> UInt64 {
    unsafe baseAddress.load(fromByteOffset: offset, as: UInt64.self)
  }

  /// The first word of a page.
  subscript(page: Int) -> UInt64 {
    get { load(at: page * pageSize) }
    set { store(newValue, at: page * pageSize) }
  }

  func set(_ page: Int, to value: UInt64) { store(value, at: page * pageSize) }

  func fill(_ range: Range<Int>, with byte: UInt8) {
    unsafe memset(baseAddress + range.lowerBound, Int32(byte), range.count)
  }

  func fillPages(_ pages: Range<Int>, with byte: UInt8) {
    fill(pages.lowerBound * pageSize..<pages.upperBound * pageSize, with: byte)
  }

  func write(_ bytes: [UInt8], at offset: Int) {
    unsafe bytes.withUnsafeBytes {
      unsafe UnsafeMutableRawBufferPointer(start: baseAddress + offset, count: $0.count)
        .copyMemory(from: $0)
    }
  }

  func bytes(in range: Range<Int>) -> [UInt8] {
    unsafe [UInt8](
      UnsafeRawBufferPointer(start: baseAddress + range.lowerBound, count: range.count))
  }
}

extension MemorySnapshot {
  func bytes(in range: Range<Int>) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0xa5, count: range.count)
    try unsafe bytes.withUnsafeMutableBytes { buffer in
      try unsafe copyBytes(in: range, into: buffer)
    }
    return bytes
  }

  func word(ofPage page: Int) throws -> UInt64 {
    var word: UInt64 = 0xa5a5
    let start = page * pageSize
    try unsafe withUnsafeMutableBytes(of: &word) { buffer in
      try unsafe copyBytes(in: start..<start + 8, into: buffer)
    }
    return word
  }
}

extension MemorySnapshot {
  /// Consumes the snapshot by a closure that does not throw; what the library throws arrives as it is.
  func handOut(
    _ body: (_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> Void = { _, _ in }
  ) throws(SnapshotError) {
    do throws(ClosureError<Never>) {
      try consume { bytes, range in unsafe bytes.withUnsafeBytes { unsafe body($0, range) } }
    } catch {
      switch error {
      case .snapshot(let error): throw error
      }
    }
  }
}

extension SnapshotView {
  func bytes(in range: Range<Int>) -> [UInt8] {
    unsafe withUnsafeBytes { unsafe [UInt8](UnsafeRawBufferPointer(rebasing: $0[range])) }
  }

  func word(ofPage page: Int) -> UInt64 {
    unsafe bytes.unsafeLoad(fromByteOffset: page * pageSize, as: UInt64.self)
  }
}

/// Whether two arrays are equal: memcmp(3), because a debug build compares elements slowly.
func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
  guard left.count == right.count else { return false }
  return unsafe left.withUnsafeBytes { left in
    unsafe right.withUnsafeBytes { right in
      guard let left = left.baseAddress, let other = right.baseAddress else { return true }
      return unsafe memcmp(left, other, right.count) == 0
    }
  }
}

/// Pages in byte ranges.
func pages(of ranges: [Range<Int>]) -> Set<Int> {
  Set(ranges.flatMap { $0.lowerBound / pageSize..<($0.upperBound + pageSize - 1) / pageSize })
}

/// A snapshot that threads share, under a lock that ThreadSanitizer sees: `Mutex` of the
/// Synchronization module is not instrumented.
///
/// Safe to share: the snapshot is reached with the lock held alone.
final class SharedSnapshot: @unchecked Sendable {
  private let lock = NSLock()
  private var snapshot: MemorySnapshot?

  var current: MemorySnapshot? {
    get { lock.withLock { snapshot } }
    set {
      // The old one is released outside the lock.
      let old = lock.withLock {
        defer { snapshot = newValue }
        return snapshot
      }
      _ = old
    }
  }
}
