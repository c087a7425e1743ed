import Foundation
import MemorySnapshots
import ScenarioSupport
import SystemPackage

/// A run of the program in Tests/SignalScenarios.
struct SignalScenario: CustomStringConvertible {
  static let path = Products.path("signal-scenarios")

  let output: String
  let errors: String
  /// The signal that ended it, 0 for none.
  let signal: Int32
  /// Its exit status, 0 after a signal.
  let status: Int32
  /// Whether nobody has its standard output open any more.
  let isOutputClosed: Bool

  init(
    _ name: String, _ delivery: MemoryRegion.FaultDelivery = .inline,
    backtrace: String = "enable=no"
  ) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: SignalScenario.path)
    process.arguments = [name, "\(delivery)"]
    process.environment = ProcessInfo.processInfo.environment.merging(
      ["SWIFT_BACKTRACE": backtrace]
    ) { $1 }
    let output = Pipe.forProcess()
    // As long as it likes: nobody reads it before the process has ended.
    let errors = try TemporaryFile()
    process.standardOutput = output
    process.standardError = FileHandle(fileDescriptor: errors.descriptor.rawValue)
    try process.start()
    process.waitUntilExit()
    let end = output.fileHandleForReading.fileDescriptor
    _ = fcntl(end, F_SETFL, O_NONBLOCK)
    var bytes = [UInt8](repeating: 0, count: 4096)
    var length = 0
    var count = 0
    repeat {
      count = unsafe bytes[length...].withUnsafeMutableBytes {
        unsafe read(end, $0.baseAddress, $0.count)
      }
      length += max(count, 0)
    } while count > 0
    isOutputClosed = count == 0
    self.output = String(decoding: bytes[..<length], as: UTF8.self)
    self.errors = kernelFile("/proc/self/fd/\(errors.descriptor.rawValue)")
    let wasKilled = process.terminationReason == .uncaughtSignal
    signal = wasKilled ? process.terminationStatus : 0
    status = wasKilled ? 0 : process.terminationStatus
  }

  var description: String { "status \(status), signal \(signal): \(output)\n\(errors)" }
}

/// Where the Swift runtime finds the program that prints backtraces: beside its libraries.
let hasBacktracer: Bool = {
  for line in kernelFile("/proc/self/maps").split(separator: "\n") {
    guard line.hasSuffix("/libswiftCore.so"), let start = line.firstIndex(of: "/") else { continue }
    let folder = URL(fileURLWithPath: String(line[start...])).deletingLastPathComponent()
    let path = folder.appendingPathComponent("../../../libexec/swift/linux/swift-backtrace").path
    return unsafe access(path, X_OK) == 0
  }
  return false
}()
