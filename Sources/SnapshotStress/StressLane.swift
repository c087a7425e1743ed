/// The places that one writer stamps with growing numbers, in a random order that repeats: whoever
/// sees stamp n must see the last stamp before n at every other place too. That makes a snapshot
/// tell, for every single write, whether it is in order.
///
/// A page beside them is discarded before, and stamped after, every write whose number is a multiple
/// of `discardPeriod`.
struct StressLane: Sendable {
  static let discardPeriod = 1021
  private static var placesPerPage: Int { 8 }

  let pages: Range<Int>
  let discardPage: Int
  /// Offsets in the region, in the order in which they are stamped.
  let places: [Int]
  /// From which number on each restoring of the region has given stamps another era.
  private(set) var eras: [(start: Int, era: Int)] = [(0, 0)]

  init(firstPage: Int, pageCount: Int, isSequential: Bool, _ random: inout StressRandom) {
    pages = firstPage..<firstPage + pageCount
    discardPage = firstPage + pageCount
    let grain = stressPageSize / StressLane.placesPerPage
    var places = (0..<pageCount * StressLane.placesPerPage).map {
      firstPage * stressPageSize + $0 * grain
    }
    if !isSequential { places.shuffle(using: &random) }
    self.places = places
  }

  /// The word that stands for stamp `number`; 0 for none.
  func stamp(_ number: Int) -> UInt64 {
    guard number > 0 else { return 0 }
    let era = eras.last { $0.start <= number }?.era ?? 0
    return UInt64(era) << 40 | UInt64(number)
  }

  private static func number(_ stamp: UInt64) -> Int { Int(stamp & (1 << 40 - 1)) }

  /// Goes back to `number`: later stamps are of a new era.
  mutating func restore(to number: Int, era: Int) {
    eras.removeAll { $0.start > number }
    eras.append((number + 1, era))
    // Only the last stamp of each place can still be seen.
    let oldest = number - places.count - StressLane.discardPeriod
    if let first = eras.lastIndex(where: { $0.start <= oldest }) { eras.removeFirst(first) }
  }

  /// The newest stamp in an image.
  func newest(in image: StressImage) -> Int {
    places.map { StressLane.number(image.word(at: $0)) }.max() ?? 0
  }

  /// What is wrong with an image, if anything is.
  func violation(in image: StressImage) -> String? {
    let newest = newest(in: image)
    let count = places.count
    for (index, place) in places.enumerated() {
      let age = ((newest - index) % count + count) % count
      let expected = stamp(newest - age)
      let found = image.word(at: place)
      if found != expected {
        return "offset \(place) holds stamp \(found), not \(expected); the newest is \(newest)"
      }
    }
    let period = StressLane.discardPeriod
    let last = newest / period * period
    let found = image.word(at: discardPage * stressPageSize)
    let mayBeGone = newest == last || newest == last + period - 1
    if found != stamp(last), !(mayBeGone && found == 0) {
      return "the discarded page \(discardPage) holds \(found), not \(stamp(last)); the newest "
        + "stamp is \(newest)"
    }
    return nil
  }
}
