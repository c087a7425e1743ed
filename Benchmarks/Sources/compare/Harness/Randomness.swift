import CPeers
import Foundation

/// SplitMix64: the same numbers from the same seed on every machine and in every version of Swift.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    return mixed(state)
  }
}

/// The finalizer of SplitMix64: a bijection that scatters neighbouring numbers.
private func mixed(_ value: UInt64) -> UInt64 {
  var value = value
  value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
  value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
  return value ^ (value >> 31)
}

/// Which pages to write to, and in which order.
enum PageOrder: String {
  case random
  case sequential

  /// `count` different pages out of `total`. For random order, others for every seed.
  func pages(_ count: Int, of total: Int, seed: Int) -> [UInt32] {
    switch self {
    case .sequential:
      return Array(0..<UInt32(count))
    case .random:
      var generator = SeededGenerator(seed: UInt64(seed))
      return Array((0..<UInt32(total)).shuffled(using: &generator).prefix(count))
    }
  }
}

/// Record numbers whose popularity follows Zipf's law, the popular ones scattered over all records,
/// as in YCSB's scrambled Zipfian generator (the method of Gray et al., "Quickly generating
/// billion-record synthetic databases", 1994).
func zipfianRecords(_ count: Int, of total: Int, exponent: Double, seed: UInt64) -> [UInt32] {
  var generator = SeededGenerator(seed: seed)
  let n = Double(total)
  let zeta = (1...total).reduce(0) { $0 + 1 / pow(Double($1), exponent) }
  let alpha = 1 / (1 - exponent)
  let eta = (1 - pow(2 / n, 1 - exponent)) / (1 - (1 + 1 / pow(2, exponent)) / zeta)
  return (0..<count).map { _ in
    let uniform = Double(generator.next() >> 11) / Double(1 << 53)
    let rank: UInt64
    if uniform * zeta < 1 {
      rank = 0
    } else if uniform * zeta < 1 + pow(0.5, exponent) {
      rank = 1
    } else {
      rank = min(UInt64(n * pow(eta * uniform - eta + 1, alpha)), UInt64(total - 1))
    }
    return UInt32(mixed(rank) % UInt64(total))
  }
}

let pageSize = cpeers_page_size()
