import CPeers
import MemorySnapshots

extension Contestant {
  static let fork = Contestant(name: "fork") {
    try ForkPeer(CPEERS_PAGES_ANONYMOUS_SMALL, byteCount: $0)
  }

  static let forkOfHugePages = Contestant(name: "fork, huge pages") {
    try ForkPeer(CPEERS_PAGES_ANONYMOUS_HUGE, byteCount: $0)
  }

  static let protection = Contestant(name: "mprotect") {
    try TrackerPeer(CPEERS_MECHANISM_MPROTECT, CPEERS_PAGES_SHARED, byteCount: $0)
  }

  static let threadInC = Contestant(name: "C handler thread") {
    try TrackerPeer(CPEERS_MECHANISM_USERFAULTFD_THREAD, CPEERS_PAGES_SHARED, byteCount: $0)
  }

  static let signalInC = Contestant(name: "C SIGBUS") {
    try TrackerPeer(CPEERS_MECHANISM_USERFAULTFD_SIGBUS, CPEERS_PAGES_SHARED, byteCount: $0)
  }

  static let copy = Contestant(name: "memcpy") {
    try CopyPeer(CPEERS_PAGES_SHARED, byteCount: $0)
  }

  static let handlerThread = Contestant(name: "handler thread") {
    try LibraryPeer(.sharedMemory, .handlerThread, byteCount: $0)
  }

  static let inline = Contestant(name: "inline") {
    try LibraryPeer(.sharedMemory, .inline, byteCount: $0)
  }

  static let hugePages = Contestant(name: "huge pages") {
    try LibraryPeer(.anonymous, .handlerThread, byteCount: $0)
  }

  static let hugePagesInline = Contestant(name: "huge pages, inline") {
    try LibraryPeer(.anonymous, .inline, byteCount: $0)
  }
}
