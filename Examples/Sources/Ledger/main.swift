// A ledger: transfers are transactions, and an audit reads a snapshot while transfers go on.
// Run it with: swift run -c release Ledger

import RegionCollections
import Synchronization

struct Account: BitwiseCopyable {
  var balance: Int
  var transfers: Int
}

struct Transfer: BitwiseCopyable {
  var from: Int32
  var to: Int32
  var amount: Int
}

enum Refusal: Error {
  case overdrawn
}

/// The places of a ledger; the heap that they are used with says which state of it.
struct Ledger: Sendable {
  let accounts: RegionArray<Account>
  let journal: RegionArray<Transfer>

  init(in heap: inout RegionHeap) throws {
    accounts = try heap.array(of: Account.self, named: "accounts")
    journal = try heap.array(of: Transfer.self, named: "journal")
  }

  /// Moves money, or throws and changes nothing.
  func transfer(_ transfer: Transfer, in heap: inout RegionHeap) throws {
    try heap.transaction { heap in
      try heap[journal].append(transfer)
      heap[accounts][Int(transfer.from)].balance -= transfer.amount
      heap[accounts][Int(transfer.from)].transfers += 1
      heap[accounts][Int(transfer.to)].balance += transfer.amount
      heap[accounts][Int(transfer.to)].transfers += 1
      // Looked at last, to show that everything before is taken back.
      if heap[accounts][Int(transfer.from)].balance < 0 { throw Refusal.overdrawn }
    }
  }

  /// Whether balances and journal agree, as of a snapshot.
  func audit(_ past: HeapSnapshot, total: Int) -> Bool {
    let accounts = past.elements(of: accounts)
    return accounts.reduce(0) { $0 + $1.balance } == total
      && accounts.allSatisfy { $0.balance >= 0 }
      && accounts.reduce(0) { $0 + $1.transfers } == 2 * past[journal].count
  }
}

/// A heap is for one thread at a time: a lock makes it one for all.
final class Bank: Sendable {
  private let heap: Mutex<RegionHeap>
  let ledger: Ledger

  init(accounts: Int, each: Int) throws {
    var heap = try RegionHeap(byteCount: 256 << 20)
    let ledger = try Ledger(in: &heap)
    for _ in 0..<accounts {
      try heap[ledger.accounts].append(Account(balance: each, transfers: 0))
    }
    self.ledger = ledger
    self.heap = Mutex(heap)
  }

  func transfer(_ transfer: Transfer) -> Bool {
    heap.withLock { heap in (try? ledger.transfer(transfer, in: &heap)) != nil }
  }

  func makeSnapshot() throws -> HeapSnapshot {
    try heap.withLock { heap in try heap.makeSnapshot() }
  }
}

func run() async throws {
  let bank = try Bank(accounts: 1000, each: 100)
  let total = 1000 * 100
  let opening = try bank.makeSnapshot()

  let audits = try await withThrowingTaskGroup(of: Int.self) { group in
    for seed in 1...2 {
      group.addTask {
        var state = UInt64(seed)
        func next(_ bound: Int) -> Int {
          state = state &* 6_364_136_223_846_793_005 &+ 1
          return Int(state >> 33) % bound
        }
        var refusals = 0
        for _ in 0..<2000 {
          let transfer = Transfer(
            from: Int32(next(1000)), to: Int32(next(1000)), amount: next(120))
          if !bank.transfer(transfer) { refusals += 1 }
        }
        print("\(refusals) transfers were refused")
        return 0
      }
    }
    group.addTask {
      var audits = 0
      for _ in 0..<100 {
        let past = try bank.makeSnapshot()
        guard bank.ledger.audit(past, total: total) else { fatalError("money is missing") }
        audits += 1
      }
      return audits
    }
    return try await group.reduce(0, +)
  }
  print("\(audits) audits, each of a state between two transfers")

  let end = try bank.makeSnapshot()
  guard bank.ledger.audit(end, total: total), bank.ledger.audit(opening, total: total) else {
    fatalError("money is missing at the end")
  }
  let poorest = end.elements(of: bank.ledger.accounts).map(\.balance).min() ?? 0
  print("\(end[bank.ledger.journal].count) transfers; the poorest has \(poorest) of 100")
}

try await run()
