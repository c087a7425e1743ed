import Foundation

/// One picture: panels side by side under a title, with the machine below.
struct Chart {
  var name: String
  var title: String
  var panels: [Panel]

  /// Lines over a common pair of axes.
  struct Panel {
    var title: String
    var xLabel: String
    var yLabel: String
    /// gnuplot's settings of the axes.
    var settings: String
    var curves: [Curve]
    var showsPoints = false
  }

  struct Curve {
    var peer: String
    var points: [(x: Double, y: Double)]
  }

  static func all(_ record: Record) -> [Chart] {
    [pause(record), fault(record), store(record)].compactMap { $0 }
  }

  func script(output: String, machine: Machine) -> String {
    let blocks = panels.enumerated().flatMap { panel in
      panel.element.curves.enumerated().map { curve in
        "$data_\(panel.offset)_\(curve.offset) << END\n"
          + curve.element.points.map { "\($0.x) \($0.y)" }.joined(separator: "\n") + "\nEND\n"
      }
    }
    // One panel stands wider than each of two; the margins keep their size in pixels.
    let width = panels.count == 1 ? 1000 : panels.count * 760
    let left = 115 / Double(width)
    return """
      set terminal pngcairo size \(width),720 font "DejaVu Sans,13" background "white"
      set output \(quoted(output))
      \(blocks.joined())
      set border 3 lc rgb "#808080"
      set grid xtics ytics lc rgb "#e4e4e4" lt 1 lw 1
      set tics nomirror out textcolor rgb "#404040"
      set key at screen 0.5, screen 0.115 center center vertical Left reverse \
      maxrows \(panels.count == 1 ? 4 : 3) samplen 2.5 spacing 1.3 textcolor rgb "#202020"
      set label 1 \(quoted(machine.summary)) at screen 0.99, screen 0.02 right \
      font ",9" textcolor rgb "#808080" noenhanced
      set multiplot layout 1,\(panels.count) title \(quoted(title)) font ",16" \
      margins \(left),\(1 - 35 / Double(width)),0.29,0.86 spacing \(left)
      \(panels.indices.map(script(ofPanel:)).joined())
      unset multiplot

      """
  }

  private func script(ofPanel index: Int) -> String {
    let panel = panels[index]
    let curves = panel.curves.enumerated().map { curve in
      let style = Self.style(of: curve.element.peer)
      return """
        $data_\(index)_\(curve.offset) using 1:2 with \(panel.showsPoints ? "linespoints" : "lines") \
        lc rgb "\(style.color)" lw \(style.width) dt \(style.dash) \
        \(panel.showsPoints ? "pt 7 ps 0.8" : "") title \(quoted(style.label))
        """
    }
    return """
      set title \(quoted(panel.title)) font ",13" textcolor rgb "#404040"
      set xlabel \(quoted(panel.xLabel))
      set ylabel \(quoted(panel.yLabel))
      \(panel.settings)
      plot \(curves.joined(separator: ", \\\n"))
      unset label 1
      unset key

      """
  }

  private func quoted(_ text: String) -> String {
    "'" + text.replacing("'", with: "''") + "'"
  }

  private struct Style {
    var label: String
    var color: String
    var width = 2.0
    var dash = 1
  }

  /// A peer looks the same in every chart; colours by Okabe and Ito, the library's lines heavier.
  private static func style(of peer: String) -> Style {
    switch peer {
    case Contestant.fork.name:
      Style(label: "fork", color: "#000000")
    case Contestant.forkOfHugePages.name:
      Style(label: "fork, huge pages", color: "#000000", dash: 2)
    case Contestant.handlerThread.name:
      Style(label: "this library, handler thread", color: "#0072B2", width: 3.5)
    case Contestant.inline.name:
      Style(label: "this library, inline", color: "#D55E00", width: 3.5)
    case Contestant.hugePages.name:
      Style(label: "this library, huge pages", color: "#009E73", width: 3.5)
    case Contestant.hugePagesInline.name:
      Style(label: "this library, huge pages, inline", color: "#7FC8A9", width: 3.5)
    case Contestant.threadInC.name:
      Style(label: "userfaultfd in C, handler thread", color: "#56B4E9")
    case Contestant.signalInC.name:
      Style(label: "userfaultfd in C, SIGBUS", color: "#E69F00")
    case Contestant.protection.name:
      Style(label: "mprotect + SIGSEGV", color: "#999999")
    case Contestant.copy.name:
      Style(label: "stop and copy", color: "#CC79A7")
    default:
      Style(label: peer, color: "#808080", dash: 3)
    }
  }
}
