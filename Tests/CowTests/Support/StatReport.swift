import Foundation

/// The JSON of `cow stat`, under its fixed names.
struct StatReport: Decodable {
  struct Process: Decodable {
    let pid: Int32
    let parent: Int32
    let name: String
    let condition: String
    let exactness: String
    let estimates: [String]
    let residentBytes: UInt64?
    let uniqueBytes: UInt64?
    let treeBytes: UInt64?
    let freedBytes: UInt64?
    let proportionalBytes: UInt64?
    let hugetlbBytes: UInt64?
    let copyOnWriteBytes: UInt64?
    let privateBytes: UInt64?
    let sharedBytes: UInt64?
    let swappedBytes: UInt64?
    let differingBytes: UInt64?
    let freshBytes: UInt64?
    let userfaultProtectedBytes: UInt64?
    let copiedBytes: UInt64?
    let mappings: [Mapping]?
  }

  struct Mapping: Decodable {
    let start: UInt64
    let end: UInt64
    let permissions: String
    let residentBytes: UInt64?
    let copyOnWriteBytes: UInt64?
    let privateBytes: UInt64?
    let swappedBytes: UInt64?
    let differingBytes: UInt64?
    let copiedBytes: UInt64?
    let estimates: [String]?
  }

  struct Total: Decodable {
    let distinctBytes: UInt64?
    let naiveBytes: UInt64?
    let copyOnWriteBytes: UInt64?
    let differingBytes: UInt64?
    let couldStillCopyBytes: UInt64?
    let privateBytes: UInt64?
    let sharedAnonymousBytes: UInt64?
    let fileBytes: UInt64?
    let swapBytes: UInt64?
    let estimates: [String]
    let bounds: [String]
  }

  struct Group: Decodable {
    let name: String
    let pids: [Int32]
    let distinctBytes: UInt64?
  }

  let exactness: String
  let groups: [Group]?
  let processes: [Process]
  let total: Total

  init(_ json: String) throws {
    self = try JSONDecoder().decode(StatReport.self, from: Data(json.utf8))
  }

  subscript(pid: Int32) -> Process? { processes.first { $0.pid == pid } }
}
