/// A line as it would stand on a terminal, without its colours.
public enum VisibleText {
    /// `line` without control sequences (ECMA-48), carriage returns collapsed to what stays.
    ///
    /// Of the control characters only the tab is left. Never fails: what is no sequence after all is dropped up to
    /// the next printable character.
    public static func of(_ line: some StringProtocol) -> String {
        var line = String(line)
        let isPlain = line.withUTF8 { bytes in bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 } }
        // C1 controls are two bytes in UTF-8, and rare: only a line that has a 0xC2 byte can hold one.
        if isPlain && !line.utf8.contains(0xc2) { return line }
        var parser = Parser()
        for scalar in line.unicodeScalars { parser.take(scalar) }
        return parser.text
    }

    private struct Parser {
        private enum State { case ground, escape, intermediate, csi, string, stringEscape }

        private var state = State.ground
        private var cells: [Unicode.Scalar] = []
        private var column = 0

        var text: String {
            var text = String.UnicodeScalarView()
            text.append(contentsOf: cells)
            return String(text)
        }

        mutating func take(_ scalar: Unicode.Scalar) {
            switch state {
            case .ground: ground(scalar)
            case .escape: escape(scalar)
            case .intermediate:
                if !(0x20...0x2f).contains(scalar.value) { state = .ground }
            case .csi:
                if (0x40...0x7e).contains(scalar.value) {
                    state = .ground
                } else if scalar.value < 0x20 || scalar.value > 0x7e {
                    state = .ground
                    ground(scalar)
                }
            case .string:  // OSC, DCS, APC…: up to BEL or ST
                if scalar == "\u{07}" || scalar == "\u{9c}" {
                    state = .ground
                } else if scalar == "\u{1b}" {
                    state = .stringEscape
                }
            case .stringEscape:
                if scalar == "\\" { state = .ground } else { state = .escape; escape(scalar) }
            }
        }

        private mutating func ground(_ scalar: Unicode.Scalar) {
            switch scalar.value {
            case 0x1b: state = .escape
            case 0x9b: state = .csi
            case 0x90, 0x98, 0x9d, 0x9e, 0x9f: state = .string
            case 0x0d: column = 0
            case 0x08: column = max(0, column - 1)
            case 0x00..<0x09, 0x0a..<0x20, 0x7f..<0xa0: break
            default:
                if column < cells.count { cells[column] = scalar } else { cells.append(scalar) }
                column += 1
            }
        }

        private mutating func escape(_ scalar: Unicode.Scalar) {
            switch scalar {
            case "[": state = .csi
            case "]", "P", "X", "^", "_": state = .string
            case "\u{1b}": break
            default: state = (0x20...0x2f).contains(scalar.value) ? .intermediate : .ground
            }
        }
    }
}
