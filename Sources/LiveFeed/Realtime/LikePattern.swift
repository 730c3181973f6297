internal import Foundation

/// SQL's LIKE: `%` for any text, `_` for one character, `\` escapes a character. (`*` stands for `%`, as
/// in PostgREST.)
///
/// Matching takes a step for each character of the text, whatever the pattern: all places in the pattern that could
/// have been reached are followed at once, a bit each.
struct LikePattern: Hashable, Sendable {
    /// Characters of a pattern, without its `%`.
    static let maxCharacters = 256

    private let source: String
    private let ignoresCase: Bool
    private let automaton: Automaton

    /// - Returns: nil for a pattern of more than ``maxCharacters``.
    init?(_ source: String, ignoresCase: Bool) {
        self.source = source
        self.ignoresCase = ignoresCase
        guard let automaton = Automaton(ignoresCase ? source.lowercased() : source) else { return nil }
        self.automaton = automaton
    }

    func matches(_ text: String) -> Bool { automaton.matches(ignoresCase ? text.lowercased() : text) }

    static func == (left: LikePattern, right: LikePattern) -> Bool {
        left.source == right.source && left.ignoresCase == right.ignoresCase
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(source)
        hasher.combine(ignoresCase)
    }
}

/// State `n` means that `n` characters of the pattern have been matched.
private struct Automaton: Sendable {
    private var words: Int
    private var last = 0
    /// The states that a character leads on from, a set for each of them; `anyOther` for all that the pattern does not
    /// name.
    private var ascii: [UInt64] = []
    private var others: [Unicode.Scalar: [UInt64]] = [:]
    private var anyOther: [UInt64]
    /// The states with a `%` after them, in which any character stays.
    private var loops: [UInt64]

    init?(_ pattern: String) {
        words = (LikePattern.maxCharacters + 64) / 64
        loops = Array(repeating: 0, count: words)
        anyOther = loops
        var exact: [(Unicode.Scalar, Int)] = []
        var scalars = pattern.unicodeScalars.makeIterator()
        while let scalar = scalars.next() {
            if scalar == "%" || scalar == "*" {
                loops[last / 64] |= 1 << UInt64(last % 64)
                continue
            }
            guard last < LikePattern.maxCharacters else { return nil }
            if scalar == "_" {
                anyOther[last / 64] |= 1 << UInt64(last % 64)
            } else {
                exact.append((scalar == "\\" ? scalars.next() ?? scalar : scalar, last))
            }
            last += 1
        }
        words = last / 64 + 1
        loops.removeLast(loops.count - words)
        anyOther.removeLast(anyOther.count - words)
        for _ in 0..<128 { ascii += anyOther }
        for (scalar, state) in exact {
            let bit: UInt64 = 1 << UInt64(state % 64)
            if scalar.isASCII {
                ascii[Int(scalar.value) * words + state / 64] |= bit
            } else {
                others[scalar, default: anyOther][state / 64] |= bit
            }
        }
    }

    func matches(_ text: String) -> Bool {
        var states: [UInt64] = Array(repeating: 0, count: words)
        states[0] = 1
        for scalar in text.unicodeScalars {
            if scalar.isASCII {
                ascii.withUnsafeBufferPointer { advance(&states, $0, from: Int(scalar.value) * words) }
            } else {
                (others[scalar] ?? anyOther).withUnsafeBufferPointer { advance(&states, $0, from: 0) }
            }
            if states.allSatisfy({ $0 == 0 }) { return false }
        }
        return states[last / 64] & (1 << UInt64(last % 64)) != 0
    }

    private func advance(_ states: inout [UInt64], _ leads: UnsafeBufferPointer<UInt64>, from start: Int) {
        var carry: UInt64 = 0
        for word in 0..<words {
            let moved = states[word] & leads[start + word]
            states[word] = moved << 1 | carry | states[word] & loops[word]
            carry = moved >> 63
        }
    }
}
