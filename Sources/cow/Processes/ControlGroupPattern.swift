/// Which control groups somebody means: one by its path and all below it, or those with a word in
/// their name.
struct ControlGroupPattern {
  private let path: String?
  private let word: String

  /// `nil` if `text` names nothing.
  init?(_ text: String) {
    let mount = "/sys/fs/cgroup"
    // People paste the folder's path.
    let isFolder = text == mount || text.hasPrefix(mount + "/")
    let text = isFolder ? "/" + text.dropFirst(mount.count) : text
    guard !text.isEmpty else { return nil }
    word = text
    guard text.contains("/") else {
      path = nil
      return
    }
    path = "/" + text.split(separator: "/").joined(separator: "/")
  }

  func matches(_ group: String) -> Bool {
    guard let path else {
      return group.split(separator: "/").contains { $0.contains(word) }
    }
    return path == "/" || group == path || group.hasPrefix(path + "/")
  }
}
