// A process as the tests of signals and forks want it: run as an executable, so that a release build
// can be tested. Names its scenario on the command line; ends with 0 if all was as it should be,
// with 1 after saying what was not, or as the scenario's signal has it.

import CTestSupport
import Glibc
import MemorySnapshots

/// Ends the process, with what was wrong.
func fail(_ message: String) -> Never {
  print("wrong: \(message)")
  exit(1)
}

func check(_ condition: Bool, _ message: @autoclosure () -> String) {
  if !condition { fail(message()) }
}

let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))
let arguments = CommandLine.arguments
guard arguments.count > 1 else { fail("no scenario is named") }
let delivery: MemoryRegion.FaultDelivery =
  arguments.contains("handlerThread") ? .handlerThread : .inline
// A scenario that hangs, or loops with its signals blocked, ends by another signal than it should.
alarm(200)
var limit = rlimit(rlim_cur: 60, rlim_max: 60)
unsafe setrlimit(__rlimit_resource_t(RLIMIT_CPU.rawValue), &limit)

do {
  switch arguments[1] {
  case "forks-of-other-sizes": try forksOfOtherSizes()
  case "forks-under-change": try forksUnderChange()
  case "crash": try crash()
  case "profile": try profile()
  case "cancelled": try cancelWriters()
  case "cancellation-points": try lookForCancellationPoints()
  case "guess-unreadable": try guessUnreadable()
  default: try runBusScenario(arguments[1])
  }
} catch {
  fail("\(error)")
}
