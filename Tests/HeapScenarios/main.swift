import Glibc

// Each scenario has a process of its own: what it sets up is process-wide, or must be found by another process.
// Ends with 0 if all is as it should be, 69 with a sentence if what it needs is missing.

let arguments = CommandLine.arguments
do {
  switch arguments.dropFirst().first {
  case "lua": try runLua()
  case "sqlite": try runSQLite()
  case "temporaries": try readTemporaries()
  case "write": try writeHeap(to: arguments[2])
  case "read": try readHeap(from: arguments[2])
  default: throw Wrong("usage: heap-scenarios lua | sqlite | temporaries | write FILE | read FILE")
  }
} catch let missing as Missing {
  print("\(missing.sentence)")
  exit(69)
} catch {
  print("\(error)")
  exit(1)
}

/// Something is not as it should be.
struct Wrong: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// A library is missing.
struct Missing: Error {
  let sentence: String
}

func require(_ condition: Bool, _ sentence: @autoclosure () -> String) throws(Wrong) {
  if !condition { throw Wrong(sentence()) }
}
