import Testing

@testable import MemoryAccounting

@Suite("Mapping")
struct MappingTests {
  private static let text = Array(
    """
    555555554000-555555556000 r--p 00000000 08:01 1234                       /usr/bin/a b c
    555555556000-555555558000 rw-p 00002000 08:01 1234                       /usr/bin/a b c
    7ffff7d00000-7ffff7d01000 rw-p 00000000 00:00 0
    7ffff7e00000-7ffff7e10000 rw-s 00001000 00:01 77                         /memfd:x (deleted)
    7ffff7fbd000-7ffff7fc1000 r--p 00000000 00:00 0                          [vvar]
    7ffff7fc1000-7ffff7fc2000 r--p 00000000 00:00 0                          [vvar_vclock]
    7ffff7fc2000-7ffff7fc4000 r-xp 00000000 00:00 0                          [vdso]
    7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]
    ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]

    """.utf8)

  @Test("every mapping is read, but for the kernel's own data")
  func parsing() {
    let mappings = Mapping.parse(Self.text, clippedTo: nil)
    let names = mappings.map { String(decoding: Self.text[$0.name], as: UTF8.self) }
    #expect(
      names == [
        "/usr/bin/a b c", "/usr/bin/a b c", "", "/memfd:x (deleted)", "[vdso]", "[stack]",
      ])
    #expect(
      mappings.map(\.kind) == [
        .privateReadOnly, .privateWritable, .privateWritable, .shared, .privateReadOnly,
        .privateWritable,
      ])
    #expect(mappings[1].range == 0x5555_5555_6000..<0x5555_5555_8000)
    #expect(mappings[1].offset == 0x2000)
    #expect(mappings[1].inode == 1234)
    #expect(mappings[1].device == 8 << 32 | 1)
    #expect(mappings[3].permissionsText == "rw-s")
    #expect(mappings.map(\.isAnonymous) == [false, false, true, false, true, true])
  }

  @Test("a mapping that only partly lies within the limits is cut, with its place in the file")
  func clipping() {
    let mappings = Mapping.parse(Self.text, clippedTo: 0x5555_5555_7000..<0x7fff_f7d0_0000)
    #expect(mappings.count == 1)
    #expect(mappings[0].range == 0x5555_5555_7000..<0x5555_5555_8000)
    #expect(mappings[0].offset == 0x3000)
    #expect(!mappings[0].isWhole)
    let whole = Mapping.parse(Self.text, clippedTo: 0x5555_5555_6000..<0x5555_5555_8000)
    #expect(whole.map(\.isWhole) == [true])
  }

  @Test("text that ends in the middle of a line is read without a crash")
  func truncation() {
    for count in Self.text.indices {
      let mappings = Mapping.parse(Array(Self.text[..<count]), clippedTo: nil)
      #expect(mappings.count <= 9)
    }
  }
}

@Suite("MappingStatistics")
struct MappingStatisticsTests {
  @Test("each mapping has its own sums")
  func parsing() {
    let text = """
      1000-3000 rw-p 00000000 00:00 0
      Size:                  8 kB
      Rss:                   8 kB
      Shared_Clean:          4 kB
      Shared_Dirty:          8 kB
      Private_Clean:        12 kB
      Private_Dirty:        16 kB
      KSM:                  20 kB
      Pss:                  13 kB
      Swap:                 24 kB
      SwapPss:              99 kB
      VmFlags: rd wr mr mw me ac ht
      5000-6000 r--p 00000000 08:01 12                       /a/file
      Shared_Clean:         40 kB
      Swap:                  0 kB

      """
    let all = MappingStatistics.parse(Array(text.utf8))
    #expect(all.count == 2)
    #expect(all[0x1000]?.shared == 12 << 10)
    #expect(all[0x1000]?.private == 28 << 10)
    #expect(all[0x1000]?.merged == 20 << 10)
    #expect(all[0x1000]?.swapped == 24 << 10)
    #expect(all[0x1000]?.proportional == 13 << 10)
    #expect(all[0x1000]?.swapProportional == 99 << 10)
    #expect(all[0x1000]?.isHugetlb == true)
    #expect(all[0x5000]?.shared == 40 << 10)
    #expect(all[0x5000]?.isHugetlb == false)
  }
}

@Suite("SwapAreas")
struct SwapAreasTests {
  @Test("the largest area counts, and without one there is no swap")
  func parsing() {
    let header = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
    #expect(SwapAreas.parse(Array(header.utf8)).isEmpty)
    #expect(SwapAreas.parse([]).isEmpty)
    let two =
      header + "/swap                file\t\t262140\t\t0\t\t-2\n"
      + "/dev/sda2            partition\t1048572\t\t0\t\t-3\n"
    #expect(!SwapAreas.parse(Array(two.utf8)).isUsed)
    let used = two + "/swap2 file\t\t1024\t\t4\t\t-4\n"
    #expect(SwapAreas.parse(Array(used.utf8)).isUsed)
    #expect(SwapAreas.parse(Array(two.utf8)).largest == 1_048_572 << 10 / Kernel.pageSize)
  }
}

@Suite("ControlGroups")
struct ControlGroupsTests {
  @Test(
    "the path is version 2's, or the memory controller's of version 1, or any",
    arguments: [
      ("0::/system.slice/a.service\n", "/system.slice/a.service"),
      ("0::/\n", "/"),
      ("5:cpu,cpuacct:/c\n4:memory:/docker/12:3\n0::/\n", "/docker/12:3"),
      ("5:cpu,cpuacct:/c\n4:memory:/\n1:name=systemd:/user\n", "/c"),
      ("3:memory:/a\n0::/b\n", "/b"), ("", nil), ("nonsense\n", nil),
    ] as [(String, String?)])
  func path(text: String, path: String?) {
    #expect(ControlGroups.path(Array(text.utf8)) == path)
  }
}

@Suite("SharedMemoryDevices")
struct SharedMemoryDevicesTests {
  @Test("the devices are those of mounts of type tmpfs")
  func mounted() {
    let text = """
      22 1 0:21 / /proc rw shared:5 - proc proc rw
      25 1 0:23 / /dev/shm rw,nosuid shared:4 - tmpfs tmpfs rw,size=1g
      26 1 259:3 / / rw - ext4 /dev/root rw
      27 1 0:255 / /odd\\040-\\040name rw - tmpfs none rw
      28 1 zero

      """
    #expect(SharedMemoryDevices.mounted(Array(text.utf8)) == [23, 255])
    #expect(SharedMemoryDevices.mounted([]).isEmpty)
  }
}

@Suite("SwappedFiles")
struct SwappedFilesTests {
  @Test("a part counts once, and parts that overlap make an estimate of what is certain")
  func distinct() {
    let mapping = { (inode: UInt64, offset: UInt64, length: UInt64) in
      Mapping(
        range: 0..<length, start: 0, kind: .shared, offset: offset, device: 1, inode: inode,
        permissions: 0, name: 0..<0)
    }
    var files = SwappedFiles()
    files.add(10, of: mapping(1, 0, 1 << 20))
    files.add(10, of: mapping(1, 0, 1 << 20))
    files.add(3, of: mapping(1, 1 << 20, 1 << 20))
    files.add(4, of: mapping(2, 0, 1 << 20))
    #expect(files.distinct() == (17, .exact))
    files.add(7, of: mapping(1, 4096, 1 << 20))
    #expect(files.distinct() == (14, .estimate))
  }
}

@Suite("ProcessEntry")
struct ProcessEntryTests {
  @Test("a name may hold spaces and parentheses")
  func oddName() throws {
    let stat = "12 (a) b (c) S 7 12 12 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 1000 10\n"
    let status = "Name:\ta) b (c\nUid:\t1000\t1001\t1002\t1003\n"
    let entry = try #require(
      ProcessEntry(pid: 12, stat: Array(stat.utf8), status: Array(status.utf8)))
    #expect(entry.name == "a) b (c")
    #expect(entry.parent == 7)
    #expect(entry.user == 1000)
    #expect(entry.startTime == 98765)
    #expect(!entry.isKernelThread)
    #expect(!entry.isZombie)
  }

  @Test("kernel threads and zombies are told by their flags and state")
  func kinds() throws {
    let thread = "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 1 0 0\n"
    let zombie = "3 (gone) Z 1 3 3 0 -1 4227084 0 0 0 0 0 0 0 0 20 0 1 0 9 0 0\n"
    let read = { (text: String) in ProcessEntry(pid: 2, stat: Array(text.utf8), status: []) }
    #expect(try #require(read(thread)).isKernelThread)
    #expect(try #require(read(zombie)).isZombie)
    // It has no memory any more, and nobody may look at it, before it says so.
    let ending = "3 (going) R 1 3 3 0 -1 4194564 0 0 0 0 0 0 0 0 20 0 1 0 9 0 0\n"
    #expect(try #require(read(ending)).isZombie)
    #expect(read("2 (short) S 1\n") == nil)
    #expect(read("") == nil)
  }

  @Test("descendants come after their parents, each once, and cycles end")
  func descendants() throws {
    let entry = { (pid: Int32, parent: Int32) throws -> ProcessEntry in
      let stat = "\(pid) (p) S \(parent) 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0\n"
      return try #require(ProcessEntry(pid: pid, stat: Array(stat.utf8), status: []))
    }
    let all = try [entry(1, 0), entry(2, 1), entry(3, 1), entry(4, 2), entry(9, 8), entry(8, 9)]
    #expect(all.descendants(of: [1]).map(\.pid) == [1, 2, 4, 3])
    #expect(all.descendants(of: [2, 1]).map(\.pid) == [2, 4, 1, 3])
    #expect(all.descendants(of: [8]).map(\.pid) == [8, 9])
    #expect(all.descendants(of: [77]).isEmpty)
  }
}

@Suite("VirtualMemoryEvents")
struct VirtualMemoryEventsTests {
  @Test(
    "any page that went to swap space or came back is noticed, compressed and zero ones too",
    arguments: ["pswpin", "pswpout", "zswpin", "zswpout", "swpin_zero", "swpout_zero"])
  func swapping(name: String) {
    let events = { (line: String) in
      VirtualMemoryEvents(Array("nr_free_pages 17\nswap_ra 5\n\(line)\npgfault 1\n".utf8))
    }
    #expect(events("\(name) 1").haveSwapped)
    #expect(!events("\(name) 0").haveSwapped)
    #expect(!events("pswpinny 1").haveSwapped)
  }
}
