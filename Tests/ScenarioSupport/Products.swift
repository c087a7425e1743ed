import Foundation

/// The executables of a build.
package enum Products {
  /// Where they are: what `MEMORY_SNAPSHOTS_RELEASE_BIN` names, a folder of products built for
  /// release, or else beside this test.
  private static let folder: URL = {
    if let path = ProcessInfo.processInfo.environment["MEMORY_SNAPSHOTS_RELEASE_BIN"] {
      return URL(fileURLWithPath: path, isDirectory: true)
    }
    return URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent()
  }()

  /// An executable to be tested as users run it.
  package static func path(_ name: String) -> String {
    folder.appendingPathComponent(name).path
  }
}
