internal import Foundation

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// When processes were looked at.
struct SampleMoment {
  /// The time of day, UTC (ISO 8601, milliseconds).
  let time: String
  /// Seconds since the machine started: what rates are computed from, as nobody can set it.
  let uptimeSeconds: Double
  /// What tells this start of the machine from others; `nil` where /proc does not say.
  let bootID: String?

  /// The corresponding system call is `clock_gettime(CLOCK_BOOTTIME)`.
  static func now() -> SampleMoment {
    var uptime = timespec()
    unsafe _ = clock_gettime(CLOCK_BOOTTIME, &uptime)
    let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
    return SampleMoment(
      time: Date().formatted(style),
      uptimeSeconds: Double(uptime.tv_sec) + Double(uptime.tv_nsec / 1_000_000) / 1000,
      bootID: try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
        .trimmingCharacters(in: .whitespacesAndNewlines))
  }
}
