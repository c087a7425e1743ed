import Foundation

/// Runs every peer once a round, so that what changes on the machine in the course of a run changes
/// for all of them alike. Each round begins with another peer: none always follows the same one.
struct Rounds {
  var count: Int
  var scenario: String
  /// What to print for a peer that is not available.
  var condition: String

  /// Calls `measure` for each peer in each round. A peer that throws is noted as not available, once,
  /// and left out from then on.
  func run<Contestant: Named>(
    _ contestants: [Contestant], into measurements: inout Measurements,
    measure: (_ contestant: Contestant, _ round: Int, _ samples: inout Samples) throws -> Void
  ) {
    var failed: Set<String> = []
    FileHandle.standardError.write(Data("measuring \(scenario): \(condition)\n".utf8))
    for round in 0..<count {
      for position in contestants.indices {
        let contestant = contestants[(position + round) % contestants.count]
        guard !failed.contains(contestant.name) else { continue }
        var samples = Samples()
        do {
          try measure(contestant, round, &samples)
          for value in samples.values {
            measurements.add(
              value.sample,
              to: SeriesKey(
                scenario: scenario, condition: value.condition ?? condition,
                peer: value.peer ?? contestant.name, metric: value.metric))
          }
        } catch {
          failed.insert(contestant.name)
          measurements.markUnavailable(
            scenario: scenario, condition: condition, peer: contestant.name,
            reason: "\(error)")
        }
      }
    }
  }
}

protocol Named {
  var name: String { get }
}

/// What one peer measured in one round.
struct Samples {
  struct Sample {
    var condition: String?
    var peer: String?
    var metric: String
    var sample: Double
  }

  private(set) var values: [Sample] = []

  /// Adds a sample; the condition is that of the rounds unless another is given, and the peer the one that
  /// is measured unless it does the same in two ways.
  mutating func add(
    _ sample: Double, _ metric: String, condition: String? = nil, peer: String? = nil
  ) {
    values.append(Sample(condition: condition, peer: peer, metric: metric, sample: sample))
  }
}
