import CTestSupport
import Glibc
import MemorySnapshots

// SIGBUS that is not the library's, beside inline delivery.

/// A region that has faulted, and its view, which is filled as it is read.
func makePiece() throws -> Piece {
  let piece = try Piece(pages: 4, .anonymous, value: 1)
  piece.write(2, to: 1)
  check(try piece.isIntact(), "the snapshot has changed")
  return piece
}

private func memoryFile(pages: Int) throws -> Int32 {
  var template = Array("/dev/shm/signal-scenarios-XXXXXX".utf8CString)
  let file = unsafe mkstemp(&template)
  check(file >= 0, "there is no /dev/shm")
  unsafe unlink(template)
  check(ftruncate(file, pages * pageSize) == 0, "the file cannot be extended")
  return file
}

private func access() { unsafe test_support_bus_page().pointee = 1 }

func runBusScenario(_ name: String) throws {
  switch name {
  case "later-handler-chains":
    let first = try makePiece()
    test_support_bus_install(CChar(UInt8(ascii: "B")), TEST_SUPPORT_BUS_CHAINS, 0, 0)
    try useMore(first)
  case "both-handlers-chain":
    test_support_bus_install(CChar(UInt8(ascii: "A")), TEST_SUPPORT_BUS_CHAINS, 0, 0)
    let first = try makePiece()
    test_support_bus_install(CChar(UInt8(ascii: "B")), TEST_SUPPORT_BUS_CHAINS, 0, 0)
    try useMore(first)
  case "handler-installed-again":
    test_support_bus_install(CChar(UInt8(ascii: "A")), TEST_SUPPORT_BUS_CHAINS, 0, 0)
    let first = try makePiece()
    test_support_bus_install(CChar(UInt8(ascii: "A")), TEST_SUPPORT_BUS_CHAINS, 0, 0)
    try useMore(first)
  case "second-copy":
    test_support_bus_install(CChar(UInt8(ascii: "A")), TEST_SUPPORT_BUS_CHAINS, 0, 0)
    let first = try makePiece()
    check(test_support_bus_install_second_copy() == 0, "the second copy is not installed")
    try useMore(first)
  case "ignored":
    test_support_bus_set(true, 0)
    let piece = try makePiece()
    kill(getpid(), SIGBUS)
    raise(SIGBUS)
    piece.write(3, to: 2)
    check(try piece.isIntact(), "the snapshot has changed")
    write("alive")
    access()
  case "failed-memory":
    test_support_bus_set(true, 0)
    let piece = try makePiece()
    // Protected: the library would resolve a fault there.
    let page = unsafe piece.region.baseAddress + 2 * pageSize
    unsafe test_support_bus_fail_memory(page, false)
    piece.write(3, to: 3)
    check(try piece.isIntact(), "the snapshot has changed")
    write("alive")
    unsafe test_support_bus_fail_memory(page, true)
    withExtendedLifetime(piece) { fail("the failure was taken for a fault") }
  case "beyond-end-of-file": try writeBeyondEnd()
  case "inside-region":
    test_support_bus_install(CChar(UInt8(ascii: "A")), TEST_SUPPORT_BUS_CHAINS, 0, 0)
    let file = try memoryFile(pages: 4)
    let memory = unsafe UnsafeMutableRawBufferPointer(
      start: mmap(nil, 4 * pageSize, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0),
      count: 4 * pageSize)
    var options = MemoryRegion.Options()
    options.faultDelivery = delivery
    let region = try unsafe MemoryRegion(adopting: memory, options: options)
    let snapshot = try region.makeSnapshot()
    unsafe memory.storeBytes(of: 1, as: Int.self)
    // The first page is open, and gone.
    check(ftruncate(file, 0) == 0, "the file was not truncated")
    unsafe memory.storeBytes(of: 2, as: Int.self)
    withExtendedLifetime(snapshot) { fail("the page is there") }
  case "sent":
    let piece = try makePiece()
    kill(getpid(), SIGBUS)
    withExtendedLifetime(piece) { fail("the signal was ignored") }
  case "sent-to-suspended":
    let piece = try makePiece()
    test_support_bus_suspend()
    withExtendedLifetime(piece) { fail("the signal was ignored") }
  case "default-with-information":
    test_support_bus_set(false, Int32(SA_SIGINFO))
    let piece = try makePiece()
    access()
    withExtendedLifetime(piece) { fail("the signal was ignored") }
  case "mask": try checkMasks(flags: 0)
  case "mask-without-own": try checkMasks(flags: Int32(SA_NODEFER))
  case "jumping": try jump()
  case "handler-is-reset":
    test_support_bus_install(
      CChar(UInt8(ascii: "A")), TEST_SUPPORT_BUS_REPAIRS, Int32(bitPattern: UInt32(SA_RESETHAND)), 0
    )
    let piece = try makePiece()
    access()
    access()
    withExtendedLifetime(piece) { fail("the second signal was ignored") }
  case "reset-to-default":
    let first = try makePiece()
    for ignores in [false, true] {
      test_support_bus_set(ignores, 0)
      let second = try makePiece()
      first.write(5, to: 2 + (ignores ? 1 : 0))
      check(try first.isIntact() && second.isIntact(), "a snapshot has changed")
    }
  case "child-without-regions":
    test_support_bus_install(CChar(UInt8(ascii: "A")), TEST_SUPPORT_BUS_CHAINS, 0, 0)
    let piece = try makePiece()
    let status = statusOfChild {
      access()
      return true
    }
    check(status & 0x7f == SIGBUS, "the child ended with status \(status)")
    check(try piece.isIntact(), "the snapshot has changed")
  default: fail("there is no scenario \(name)")
  }
}

private func write(_ text: String) {
  var text = text
  text.withUTF8 { unsafe _ = Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
}

/// Another region and view, inline faults in both, and then the signal.
private func useMore(_ first: Piece) throws {
  let second = try makePiece()
  first.write(5, to: 2)
  check(try first.isIntact() && second.isIntact(), "a snapshot has changed")
  access()
  fail("the signal was ignored")
}

private func bit(_ signal: Int32) -> UInt64 { 1 << UInt64(signal - 1) }

/// The earlier handler runs under the mask that it would have without the library.
private func checkMasks(flags: Int32) throws {
  test_support_bus_install(CChar(UInt8(ascii: "A")), TEST_SUPPORT_BUS_REPAIRS, flags, SIGUSR1)
  var interrupted = sigset_t()
  unsafe sigemptyset(&interrupted)
  unsafe sigaddset(&interrupted, SIGUSR2)
  unsafe pthread_sigmask(SIG_SETMASK, &interrupted, nil)
  access()
  let alone = test_support_bus_mask()
  let piece = try makePiece()
  access()
  let beside = test_support_bus_mask()
  check(
    beside == alone, "blocked are \(String(beside, radix: 16)), not \(String(alone, radix: 16))")
  let own = flags == 0 ? bit(SIGBUS) : 0
  check(beside == bit(SIGUSR1) | bit(SIGUSR2) | own, "blocked are \(String(beside, radix: 16))")
  check(test_support_blocked_signals() == bit(SIGUSR2), "the thread's mask has changed")
  piece.write(3, to: 2)
  check(try piece.isIntact(), "the snapshot has changed")
}

/// A protected page that has gone with the end of its file is for the earlier handler.
private func writeBeyondEnd() throws {
  test_support_bus_install(
    CChar(UInt8(ascii: "A")), TEST_SUPPORT_BUS_JUMPS, Int32(SA_NODEFER), 0)
  let file = try memoryFile(pages: 4)
  let memory = unsafe UnsafeMutableRawBufferPointer(
    start: mmap(nil, 4 * pageSize, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0),
    count: 4 * pageSize)
  unsafe memory.initializeMemory(as: UInt8.self, repeating: 1)
  let region = try unsafe MemoryRegion(
    adopting: memory, options: MemoryRegion.Options(faultDelivery: delivery))
  let snapshot = try region.makeSnapshot()
  check(ftruncate(file, 2 * pageSize) == 0, "the file was not truncated")
  for page in [2, 3, 2] {
    let byte = unsafe region.baseAddress + page * pageSize
    check(
      unsafe test_support_bus_jumps(byte.assumingMemoryBound(to: UInt8.self)),
      "the handler was not called")
  }
  unsafe memory.storeBytes(of: 2, toByteOffset: pageSize, as: Int.self)
  var word: UInt8 = 0
  try unsafe withUnsafeMutableBytes(of: &word) {
    try unsafe snapshot.copyBytes(in: pageSize..<pageSize + 1, into: $0)
  }
  check(word == 1, "the snapshot has changed")
}

/// A handler that leaves by a jump leaves nothing behind: no mask, no memory of its signal.
private func jump() throws {
  test_support_bus_install(
    CChar(UInt8(ascii: "A")), TEST_SUPPORT_BUS_JUMPS, Int32(SA_NODEFER), 0)
  let piece = try makePiece()
  let page = unsafe test_support_bus_page()
  let blocked = test_support_blocked_signals()
  for round in 0..<4 {
    check(unsafe test_support_bus_jumps(page), "the handler was not called")
    check(test_support_blocked_signals() == blocked, "signals are blocked after the jump")
    // From now on a later handler calls ours, which has another depth of the stack then.
    if round == 1 {
      test_support_bus_install(
        CChar(UInt8(ascii: "B")), TEST_SUPPORT_BUS_CHAINS, Int32(SA_NODEFER), 0)
    }
    piece.write(UInt64(round), to: 2 + round % 2)
  }
  check(try piece.isIntact(), "the snapshot has changed")
}

/// Crashes at a file that was cut short, while the application's threads write to a region and take
/// snapshots.
func crash() throws {
  let region = try MemoryRegion(
    byteCount: 256 * pageSize, options: MemoryRegion.Options(faultDelivery: delivery))
  let snapshot = try region.makeSnapshot()
  let rounds = (0..<3).map { _ in Rounds() }
  for index in 0..<2 {
    _ = startThread {
      while true {
        for page in 0..<256 {
          unsafe region.baseAddress.storeBytes(
            of: UInt8(truncatingIfNeeded: index), toByteOffset: page * pageSize, as: UInt8.self)
        }
        rounds[index].count()
      }
    }
  }
  _ = startThread {
    while true {
      guard (try? region.makeSnapshot()) != nil else { fail("no snapshot") }
      rounds[2].count()
    }
  }
  // A thread that is still being started has all its signals blocked, by the C library.
  while rounds.contains(where: { $0.number < 20 }) { sched_yield() }
  access()
  withExtendedLifetime(snapshot) { fail("the signal was ignored") }
}

/// SIGPROF stays open in the library: it arrives in all of its threads and in the middle of all that it
/// does.
func profile() throws {
  test_support_profile_begin()
  var rounds = 0
  while test_support_profile_count() < 2000 {
    let piece = try Piece(pages: 64, rounds % 2 == 0 ? .anonymous : .sharedMemory, value: 1)
    for page in 0..<64 { piece.write(UInt64(rounds), to: page) }
    let later = try piece.region.makeSnapshot()
    for page in 0..<64 { piece.write(UInt64(rounds + 1), to: page) }
    try piece.region.restore(to: later)
    check(try piece.isIntact(), "the snapshot has changed in round \(rounds)")
    rounds += 1
  }
  test_support_profile_end()
}
