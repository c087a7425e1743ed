/// A figure to reach: one peer's cost as a share of another's, in the same run; or a quantity by itself.
struct Figure: Sendable {
  var title: String
  var limit: Double
  var numerator: SeriesKey
  var denominator: SeriesKey?

  init(
    _ title: String, atMost limit: Double, _ numerator: SeriesKey, per denominator: SeriesKey? = nil
  ) {
    self.title = title
    self.limit = limit
    self.numerator = numerator
    self.denominator = denominator
  }

  static var all: [Figure] {
    pauses + faults + bulk + reads + store + collections
  }

  private static var pauses: [Figure] {
    func pause(_ condition: String, _ peer: Contestant) -> SeriesKey {
      SeriesKey(
        scenario: "pause", condition: condition, peer: peer.name, metric: PauseScenario.pause)
    }
    let gibibyte = 1 << 30
    let later = [(1.0, 1.0 / 6), (0.1, 1.0 / 40)].map { share, limit in
      let condition = PauseScenario.condition(gibibyte, share)
      return Figure(
        "pause, \(condition) / fork", atMost: limit, pause(condition, .handlerThread),
        per: pause(condition, .fork))
    }
    let first = PauseScenario.firstCondition(gibibyte)
    return later + [
      Figure(
        "pause, \(first), huge pages / fork", atMost: 1.0 / 50, pause(first, .hugePages),
        per: pause(first, .forkOfHugePages))
    ]
  }

  private static var faults: [Figure] {
    FaultScenario.allConditions.flatMap { conditions in
      func fault(_ peer: Contestant, _ metric: String) -> SeriesKey {
        SeriesKey(scenario: "fault", condition: "\(conditions)", peer: peer.name, metric: metric)
      }
      func figure(
        _ peer: Contestant, _ metric: String, _ other: Contestant, _ limit: Double
      ) -> Figure {
        Figure(
          "\(metric), \(conditions): \(peer.name) / \(other.name)"
            .replacing("handler thread / C handler thread", with: "handler thread / in C")
            .replacing(" µs,", with: ","), atMost: limit,
          fault(peer, metric), per: fault(other, metric))
      }
      switch conditions.order {
      case .random:
        return [
          figure(.handlerThread, FaultScenario.median, .threadInC, 1.1),
          figure(.handlerThread, FaultScenario.tail, .threadInC, 1.25),
          figure(.inline, FaultScenario.median, .signalInC, 1.1),
          figure(.inline, FaultScenario.tail, .signalInC, 1.25),
          figure(.inline, FaultScenario.median, .fork, conditions.isCold ? 1.0 : 1.3),
          figure(.hugePagesInline, FaultScenario.median, .fork, conditions.isCold ? 1.0 : 1.3),
        ]
      case .sequential:
        return [
          figure(.inline, FaultScenario.mean, .fork, 0.35),
          figure(.handlerThread, FaultScenario.mean, .fork, 0.40),
          figure(.hugePagesInline, FaultScenario.mean, .fork, 0.35),
          figure(.hugePages, FaultScenario.mean, .fork, 0.40),
        ]
      }
    }
  }

  private static var bulk: [Figure] {
    [(RollbackScenario.prepare, 2.0), (RollbackScenario.condition(100), 1.3)].map {
      condition, limit in
      func cost(_ peer: Contestant) -> SeriesKey {
        SeriesKey(
          scenario: "rollback", condition: condition, peer: peer.name,
          metric: RollbackScenario.cost)
      }
      return Figure(
        "\(condition), per page / memcpy", atMost: limit, cost(.handlerThread), per: cost(.copy))
    }
  }

  private static var reads: [Figure] {
    func cost(_ condition: String, _ peer: String) -> SeriesKey {
      SeriesKey(
        scenario: "read", condition: condition, peer: peer, metric: ReadScenario.cost)
    }
    return [PageOrder.sequential, .random].flatMap { order in
      [
        (ReadScenario.firstTime(order), ReadScenario.plain, 4.0),
        (ReadScenario.firstTime(order), ReadScenario.mapping, 1.1),
        (ReadScenario.again(order), ReadScenario.plain, 1.05),
      ]
    }.map { condition, peer, limit in
      Figure(
        "view, \(condition) / \(peer)", atMost: limit, cost(condition, "view"),
        per: cost(condition, peer))
    }
  }

  private static var store: [Figure] {
    func store(_ peer: String, _ metric: String) -> SeriesKey {
      SeriesKey(
        scenario: "store", condition: StoreScenario.condition, peer: peer, metric: metric)
    }
    let peers: [Contestant] = [.handlerThread, .inline, .hugePagesInline]
    return peers.map(\.name).flatMap { peer in
      let costs = [
        ("worst update", StoreScenario.worst, 0.4), ("p99.9 of updates", StoreScenario.tail, 1.0),
        ("extra memory", StoreScenario.extra, 0.8),
      ]
      return [
        Figure(
          "store: throughput without snapshots / \(peer)", atMost: 1.1,
          store("no snapshots", StoreScenario.throughput),
          per: store(peer, StoreScenario.throughput))
      ]
        + costs.map { title, metric, limit in
          Figure(
            "store: \(title), \(peer) / fork", atMost: limit, store(peer, metric),
            per: store(Contestant.fork.name, metric))
        }
    }
  }
}
