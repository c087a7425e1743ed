internal import Foundation
internal import MemorySnapshots

let stressPageSize = Int(sysconf(Int32(_SC_PAGESIZE)))

// Plain loads and stores, marked unsafe in one place. Offsets are this target's own.

extension MemoryRegion {
  func store(_ value: UInt64, at offset: Int) {
    unsafe baseAddress.storeBytes(of: value, toByteOffset: offset, as: UInt64.self)
  }

  func fillPage(_ page: Int, with value: UInt64) {
    for offset in stride(from: 0, to: stressPageSize, by: 8) {
      store(value, at: page * stressPageSize + offset)
    }
  }
}

/// Ranges of pages of a region, copied out at one instant: what a check looks at.
struct StressImage {
  /// The pages that are in use, in ascending order.
  let pages: [Int]
  private var bytes: [UInt8]
  private let positions: [Int: Int]

  init(pages: [Int]) {
    self.pages = pages
    bytes = [UInt8](repeating: 0, count: pages.count * stressPageSize)
    positions = Dictionary(uniqueKeysWithValues: zip(pages, 0...))
  }

  /// Where the word of the region at `offset` is kept.
  func word(at offset: Int) -> UInt64 {
    let start = (positions[offset / stressPageSize] ?? 0) * stressPageSize
    return unsafe bytes.withUnsafeBytes {
      unsafe $0.load(fromByteOffset: start + offset % stressPageSize, as: UInt64.self)
    }
  }

  /// Runs of neighbouring pages: what is read by one call.
  private var runs: [(position: Int, pages: Range<Int>)] {
    var runs: [(position: Int, pages: Range<Int>)] = []
    for (position, page) in pages.enumerated() {
      if let last = runs.last, last.pages.upperBound == page {
        runs[runs.count - 1].pages = last.pages.lowerBound..<page + 1
      } else {
        runs.append((position, page..<page + 1))
      }
    }
    return runs
  }

  mutating func read(_ snapshot: MemorySnapshot) throws(SnapshotError) {
    for run in runs {
      let start = run.position * stressPageSize
      let count = run.pages.count * stressPageSize
      var failure: SnapshotError?
      unsafe bytes.withUnsafeMutableBytes { bytes in
        do throws(SnapshotError) {
          try unsafe snapshot.copyBytes(
            in: run.pages.lowerBound * stressPageSize..<run.pages.upperBound * stressPageSize,
            into: UnsafeMutableRawBufferPointer(rebasing: bytes[start..<start + count]))
        } catch {
          failure = error
        }
      }
      if let failure { throw failure }
    }
  }

  /// Takes over what a whole region holds, be it the live one, a view or a file mapped to memory.
  mutating func copy(_ source: UnsafeRawBufferPointer) {
    for run in runs {
      let range =
        run.pages.lowerBound * stressPageSize..<run.pages.upperBound * stressPageSize
      unsafe copy(UnsafeRawBufferPointer(rebasing: source[range]), at: range.lowerBound)
    }
  }

  /// Takes over the part that starts at `offset` of the region.
  mutating func copy(_ part: UnsafeRawBufferPointer, at offset: Int) {
    for page in offset / stressPageSize..<(offset + part.count) / stressPageSize {
      guard let position = positions[page] else { continue }
      let from = page * stressPageSize - offset
      unsafe bytes.withUnsafeMutableBytes { bytes in
        let start = position * stressPageSize
        unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[start..<start + stressPageSize])
          .copyMemory(from: UnsafeRawBufferPointer(rebasing: part[from..<from + stressPageSize]))
      }
    }
  }

  /// A checksum of each page.
  var checksums: [UInt64] {
    unsafe bytes.withUnsafeBytes { bytes in
      pages.indices.map { position in
        var sum: UInt64 = 0x9e37_79b9_7f4a_7c15
        for word in 0..<stressPageSize / 8 {
          let value = unsafe bytes.load(
            fromByteOffset: position * stressPageSize + word * 8, as: UInt64.self)
          sum = (sum ^ value) &* 0xbf58_476d_1ce4_e5b9
          sum ^= sum >> 29
        }
        return sum
      }
    }
  }
}
