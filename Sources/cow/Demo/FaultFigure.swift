internal import CDemo
internal import MemorySnapshots
internal import SystemPackage

/// How long a write fault keeps its writer waiting, beside a handler in plain C that answers the
/// same faults in turn.
struct FaultFigure: Codable {
  /// Random pages written to in each round.
  let faultsPerRound: Int
  /// What a writer waits for each page.
  let writerNanoseconds: UInt64
  let plainWriterNanoseconds: UInt64
  /// From reading the fault's message to waking the writer.
  let serviceNanoseconds: UInt64
  let plainServiceNanoseconds: UInt64
  /// The writer's wait as a multiple of that with the plain handler.
  let ratio: Double

  private static var rounds: Int { 31 }
  private static var mostFaults: Int { 2000 }

  init(_ byteCount: Int, _ bar: ProgressBar) throws {
    var random = SplitMix(state: 3)
    let pageSize = Machine.pageSize
    let region = try makePopulatedRegion(byteCount)
    let pageCount = region.byteCount / pageSize
    let faults = min(FaultFigure.mostFaults, pageCount)
    faultsPerRound = faults
    let plain = try PlainHandler(byteCount: region.byteCount, slots: faults)
    var times: [UInt64] = []
    var plainTimes: [UInt64] = []
    var plainServiceTimes: [UInt64] = []
    for round in 0..<FaultFigure.rounds {
      let pages = randomPages(faults, of: pageCount, &random)
      func time(_ memory: UnsafeMutableRawPointer) -> UInt64 {
        unsafe cdemo_time_writes(memory, pageSize, pages, pages.count, UInt64(round))
          / UInt64(pages.count)
      }
      func timeLibrary() throws {
        let snapshot = try region.makeSnapshot()
        unsafe times.append(time(region.baseAddress))
        snapshot.release()
      }
      func timePlain() throws {
        try plain.protect()
        unsafe plainTimes.append(time(plain.memory))
        plainServiceTimes.append(median(plain.serviceTimes(faults)))
      }
      // Each goes first in turn: the processor may be slower after a pause.
      if round % 2 == 0 {
        try timeLibrary()
        try timePlain()
      } else {
        try timePlain()
        try timeLibrary()
      }
      bar.update(round + 1, of: FaultFigure.rounds)
    }
    writerNanoseconds = median(times)
    plainWriterNanoseconds = median(plainTimes)
    serviceNanoseconds = UInt64(region.statistics.faultServiceTime.p50 / .nanoseconds(1))
    plainServiceNanoseconds = median(plainServiceTimes)
    ratio = Double(writerNanoseconds) / Double(plainWriterNanoseconds)
  }

  func print(_ narration: Narration) throws(ToolError) {
    try narration.row(
      "write fault, what the writer waits", TimeText(nanoseconds: writerNanoseconds).description,
      TimeText(nanoseconds: plainWriterNanoseconds).description, "\(threeDigits(ratio)) × plain C")
    try narration.row(
      "write fault, of which in the handler", TimeText(nanoseconds: serviceNanoseconds).description,
      TimeText(nanoseconds: plainServiceNanoseconds).description, "")
  }
}

/// Shared memory whose write faults a thread in plain C answers.
@safe
private struct PlainHandler: ~Copyable {
  private let handler: OpaquePointer

  init(byteCount: Int, slots: Int) throws(ToolError) {
    var handler: OpaquePointer?
    let status = unsafe cdemo_handler_start(&handler, byteCount, slots)
    guard status == 0, let handler = unsafe handler else {
      throw ToolError(.osError, "cannot start the plain handler: \(Errno(rawValue: -status))")
    }
    unsafe self.handler = unsafe handler
  }

  deinit { unsafe cdemo_handler_stop(handler) }

  var memory: UnsafeMutableRawPointer { unsafe cdemo_handler_memory(handler) }

  func protect() throws(ToolError) {
    let status = unsafe cdemo_handler_protect(handler)
    guard status == 0 else {
      throw ToolError(.osError, "ioctl(UFFDIO_WRITEPROTECT) failed: \(Errno(rawValue: -status))")
    }
  }

  func serviceTimes(_ capacity: Int) -> [UInt64] {
    unsafe [UInt64](unsafeUninitializedCapacity: capacity) { buffer, count in
      guard let base = buffer.baseAddress else { return }
      count = unsafe cdemo_handler_read_times(handler, base, capacity)
    }
  }
}
