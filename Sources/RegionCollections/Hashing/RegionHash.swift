/// The hash that containers in regions use: the same for the same seed and bytes in every process and on
/// every machine, which `Hasher` is not. Fast, and hard to collide without the seed; not cryptographic.
///
/// `mix(a, b)` is the exclusive or of both halves of the product of 128 bits. With the constants
/// k0 = 0x2d358dccaa6c78a5, k1 = 0x8bb84b93962eacc9, k2 = 0x4b33a62ed433d4a3 (those of wyhash 4):
///
/// - of a word v: `mix(mix(v ^ k0, seed ^ k1), k2)`.
/// - of n bytes: s = seed ^ k0. While more than 16 are left, s = `mix(x ^ k1, y ^ s)` with x and y the next two
///   words of eight bytes, little-endian. Of the 1 to 16 that are left, x and y are the first and last eight
///   bytes; of less than eight, the first and last four; of less than four, x = first | middle << 8 | last
///   << 16, y = 0, where the middle one is at half their count; of none, zeros. The hash is
///   `mix(n ^ k2, mix(x ^ k1, y ^ s))`.
public enum RegionHash {
  @inlinable
  @inline(__always)
  static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    return product.high ^ product.low
  }

  /// The hash of a word.
  @inlinable
  public static func hash(_ word: UInt64, seed: UInt64) -> UInt64 {
    mix(mix(word ^ 0x2d35_8dcc_aa6c_78a5, seed ^ 0x8bb8_4b93_962e_acc9), 0x4b33_a62e_d433_d4a3)
  }

  /// The hash of bytes.
  ///
  /// - Complexity: O(bytes).
  @inlinable
  public static func hash(_ bytes: RawSpan, seed: UInt64) -> UInt64 {
    let count = bytes.byteCount
    var state = seed ^ 0x2d35_8dcc_aa6c_78a5
    var position = 0
    while count &- position > 16 {
      let x = word(bytes, position)
      let y = word(bytes, position &+ 8)
      state = mix(x ^ 0x8bb8_4b93_962e_acc9, y ^ state)
      position &+= 16
    }
    let left = count &- position
    var x: UInt64 = 0
    var y: UInt64 = 0
    if left >= 8 {
      x = word(bytes, position)
      y = word(bytes, count &- 8)
    } else if left >= 4 {
      x = half(bytes, position)
      y = half(bytes, count &- 4)
    } else if left > 0 {
      x =
        byte(bytes, position) | byte(bytes, position &+ left >> 1) << 8
        | byte(bytes, count &- 1) << 16
    }
    return mix(
      UInt64(truncatingIfNeeded: count) ^ 0x4b33_a62e_d433_d4a3,
      mix(x ^ 0x8bb8_4b93_962e_acc9, y ^ state))
  }

  @inlinable
  @inline(__always)
  static func word(_ bytes: RawSpan, _ position: Int) -> UInt64 {
    UInt64(
      littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self))
  }

  @inlinable
  @inline(__always)
  static func half(_ bytes: RawSpan, _ position: Int) -> UInt64 {
    UInt64(
      UInt32(
        littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: position, as: UInt32.self)))
  }

  @inlinable
  @inline(__always)
  static func byte(_ bytes: RawSpan, _ position: Int) -> UInt64 {
    UInt64(unsafe bytes.unsafeLoadUnaligned(fromByteOffset: position, as: UInt8.self))
  }
}
