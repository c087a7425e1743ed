import Testing

@testable import RegionCollections

/// Hashes that were computed by another program, in Python, from the definition that `RegionHash`'s
/// documentation gives. Saved heaps hold hashes: none of these may ever change.
@Suite("Hashes that must never change")
struct HashVectorTests {
  static func pattern(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) }
  }

  @Test(
    "Of words",
    arguments: [
      (0x0, 0x0, 0x4bd7_56e4_eb49_844a), (0x1, 0x0, 0xbcef_1d66_975d_aac0),
      (0x0, 0x1, 0x93ad_03cc_fa70_000d), (.max, .max, 0x9ae9_ae5f_0f24_2b20),
      (0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210, 0xe0bc_c8e9_7ea2_3d14),
      (1 << 63, 42, 0xdf70_0f47_3f91_22be),
    ] as [(UInt64, UInt64, UInt64)])
  func words(word: UInt64, seed: UInt64, hash: UInt64) {
    #expect(RegionHash.hash(word, seed: seed) == hash)
  }

  @Test(
    "Of bytes",
    arguments: [
      (0, 0x0, 0x4bd7_56e4_eb49_844a), (0, 0x7, 0x39ce_794e_b088_1726),
      (1, 0x0, 0xfd56_e0b5_6950_3a23), (2, 0x0, 0xaa03_eebf_52c2_d8ce),
      (3, 0x1, 0x8c95_dc33_a20a_c290), (4, 0x1, 0x1f90_2555_1509_26dd),
      (5, 0x1, 0xe780_e1b9_9d79_4463), (7, 0x2, 0xc93c_047c_f461_1113),
      (8, 0x2, 0x7880_bfe0_420b_5989), (9, 0x2, 0x588f_bb64_d7f4_c928),
      (15, 0x3, 0x8b84_3066_22e2_7570), (16, 0x3, 0x3d6b_7e84_3961_27a4),
      (17, 0x3, 0xf710_e484_9e0e_c92e), (24, 0x3, 0x4f80_a232_a7f4_ed4c),
      (31, 0x4, 0xbcf6_618c_610e_6b57), (32, 0x4, 0x040e_38c0_6b45_85d4),
      (33, 0x4, 0x182a_014d_19ee_499d), (48, 0x4, 0xf357_516d_271a_8a42),
      (64, .max, 0xf51f_d94f_c1b1_d633), (65, .max, 0x3157_05ac_f0be_8775),
      (100, 0x0123_4567_89ab_cdef, 0xae32_b043_df4b_95b5),
      (1000, 0x0123_4567_89ab_cdef, 0xdfc2_c87a_2eb3_9f56),
    ] as [(Int, UInt64, UInt64)])
  func bytes(count: Int, seed: UInt64, hash: UInt64) {
    let bytes = HashVectorTests.pattern(count)
    #expect(RegionHash.hash(bytes.span.rawBytes, seed: seed) == hash)
  }

  @Test("Of all lengths to three hundred, and of a thousand words, each seeded by the one before")
  func chains() {
    var hash: UInt64 = 0
    for count in 0...300 {
      let bytes = HashVectorTests.pattern(count)
      hash = RegionHash.hash(bytes.span.rawBytes, seed: hash)
    }
    #expect(hash == 0xc89e_8077_7d78_0c40)
    hash = 0
    for word in 0..<1000 { hash = RegionHash.hash(UInt64(word), seed: hash) }
    #expect(hash == 0xcbd3_9645_1f70_3762)
  }

  @Test("Of the keys that the library provides")
  func keys() {
    #expect((-5).hash(seed: 9) == 0x88f5_9bc2_6161_db94)
    #expect(Int64(-5).hash(seed: 9) == (-5).hash(seed: 9))
    #expect(UInt8(200).hash(seed: 9) == 0xb7a1_9224_26fc_f1c0)
    #expect(Int16(-2).hash(seed: 9) == 0xb8a5_04af_291b_55ce)
    #expect(Int128(-3).hash(seed: 9) == 0x9187_009d_6b12_91c5)
    #expect((UInt128(5) << 64 | 6).hash(seed: 9) == 0xdc0e_21ae_2788_7be1)
    let uuid = RegionUUID((1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16))
    #expect(uuid.hash(seed: 9) == 0x68ff_47cb_b99a_b7bb)
    var digest = InlineArray<20, UInt8>(repeating: 0)
    for (index, byte) in HashVectorTests.pattern(20).enumerated() { digest[index] = byte }
    #expect(FixedBytes<20>(digest).hash(seed: 9) == 0x5631_6d1a_0705_18d0)
  }
}
