/// Hides secrets in text that leaves this machine.
///
/// Made once for a job; the patterns' tables are shared by all streams.
package struct Masker: Sendable {
    package static let replacement = Redactions.replacement

    fileprivate let skeletons: SkeletonPatterns
    /// Finds secrets byte by byte: after what looks like an escape, and secrets without a skeleton.
    fileprivate let literals: PatternAutomaton
    fileprivate let seeksLiterals: Bool
    /// For each byte value, 1 if it may be skipped while no secret has started.
    fileprivate let skippable: [UInt8]
    private let numbers: Set<DecimalNumber>

    /// - Parameter secrets: the secret values, in clear.
    package init(secrets: [String]) { self.init(SecretPatterns(secrets)) }

    /// - Parameter patterns: byte strings in valid UTF-8 without a line feed, which are hidden exactly as they are.
    package init(patterns: [[UInt8]]) {
        var all = SecretPatterns([])
        all.literals = Set(patterns)
        all.seeksLiterals = true
        self.init(all)
    }

    private init(_ patterns: SecretPatterns) {
        skeletons = SkeletonPatterns(patterns.skeletons)
        literals = PatternAutomaton(patterns.literals)
        seeksLiterals = patterns.seeksLiterals && !literals.isEmpty
        numbers = patterns.numbers
        let (automaton, withLead) = (skeletons.automaton, skeletons.hasLeads)
        skippable = (UInt8.min...UInt8.max).map { byte in
            let begins = automaton.withTables { $0.next(PatternAutomaton.root, byte) != PatternAutomaton.root }
            return !begins && TextSkeleton.isSkippable(byte, withLead: withLead) ? 1 : 0
        }
    }

    package var isEmpty: Bool { skeletons.automaton.isEmpty && literals.isEmpty }

    /// `text` with every secret hidden: for outputs, messages and metadata.
    package func mask(_ text: String) -> String {
        if isEmpty { return text }
        var stream = MaskingStream(self, length: text.utf8.count)
        var output: [UInt8] = []
        Array(text.utf8).withUnsafeBufferPointer { stream.take($0, into: &output) }
        // The text is complete, so a partial match at its end is not a secret.
        stream.finish(hidingBeginnings: false, into: &output)
        return String(decoding: output, as: UTF8.self)
    }

    /// True for a number that is secret, in whatever notation `text` has it.
    package func hides(number text: String) -> Bool {
        DecimalNumber(text).map(numbers.contains) ?? false || mask(text) != text
    }
}

/// Masks one stream that arrives in pieces. The result does not depend on where it was cut.
///
/// A possible beginning of a secret is held back until it is decided, at most
/// ``SecretMatcher/spanLimit`` bytes of it.
package struct MaskingStream: Sendable {
    private let masker: Masker
    private var skeleton = TextSkeleton()
    private var matcher: SecretMatcher
    /// The literal search, paused while it isn't needed.
    private var literal = PatternAutomaton.root
    private var isLiteralActive: Bool
    /// Buffered input; its first byte is the stream's byte number `offset`.
    private var held: [UInt8] = []
    private var offset = 0

    /// - Parameter length: the maximum number of bytes of the stream.
    package init(_ masker: Masker, length: Int = .max) {
        self.masker = masker
        matcher = SecretMatcher(masker.skeletons, length: length)
        isLiteralActive = masker.seeksLiterals
    }

    /// Appends to `output` everything that `input` has decided.
    package mutating func take(_ input: UnsafeBufferPointer<UInt8>, into output: inout [UInt8]) {
        if masker.isEmpty {
            output.append(contentsOf: input)
            return
        }
        let masker = masker
        let start = offset + held.count
        held.append(contentsOf: input)
        masker.skeletons.automaton.withTables { skeletons in
            masker.literals.withTables { literals in
                masker.skippable.withUnsafeBufferPointer { skippable in
                    read(input, from: start, Tables(skeletons: skeletons, literals: literals, skippable: skippable))
                }
            }
        }
        emit(upTo: decided, into: &output)
    }

    /// Call this when no input arrived for a while. Emits the lines that were held back because they end with a possible
    /// beginning of a secret, which is hidden if it is long enough to reveal something.
    package mutating func idle(into output: inout [UInt8]) {
        let end = offset + held.count
        guard !masker.isEmpty, !held.isEmpty else { return }
        if matcher.isAtRoot, literal == PatternAutomaton.root {
            matcher.redactions.show(upTo: end)
        } else if let feed = held.lastIndex(of: UInt8(ascii: "\n")) {
            let place = offset + feed + 1
            let beginning = masker.skeletons.automaton.withTables { matcher.beginning(before: place, $0) }
            if let beginning { matcher.redactions.add(beginning) }
            matcher.redactions.show(upTo: place)
        }
        emit(upTo: decided, into: &output)
    }

    /// Call this at the end of the stream.
    ///
    /// - Parameter hidingBeginnings: also hides a possible beginning of a secret at the end, because the stream may have
    ///   been cut there.
    package mutating func finish(hidingBeginnings: Bool = true, into output: inout [UInt8]) {
        guard !masker.isEmpty else { return }
        let end = offset + held.count
        masker.skeletons.automaton.withTables { tables in
            skeleton.finish(at: end, into: &matcher, tables)
            if hidingBeginnings, let range = matcher.beginning(before: end, tables) { matcher.redactions.add(range) }
        }
        let depth = literalDepth
        if hidingBeginnings, depth >= SecretPatterns.minimumLength { matcher.redactions.add(end - depth..<end) }
        emit(upTo: end, into: &output)
    }

    /// Continues with another masker. What is held back is looked at again; the rest of the stream is masked by
    /// `masker`.
    package mutating func use(_ masker: Masker, into output: inout [UInt8]) {
        let (rest, start) = (held, offset)
        self = MaskingStream(masker)
        offset = start
        rest.withUnsafeBufferPointer { take($0, into: &output) }
    }

    // MARK: - Reading

    private struct Tables {
        var skeletons: PatternAutomaton.Tables
        var literals: PatternAutomaton.Tables
        var skippable: UnsafeBufferPointer<UInt8>
    }

    private mutating func read(_ input: UnsafeBufferPointer<UInt8>, from start: Int, _ tables: Tables) {
        var index = 0
        while index < input.count {
            if matcher.isAtRoot, skeleton.isAtRest, !isLiteralActive {
                skip(input, from: &index, tables.skippable)
                if index == input.count { return }
            }
            let byte = input[index]
            skeleton.take(byte, at: start + index, into: &matcher, tables.skeletons)
            if isLiteralActive { seekLiterally(byte, endingAt: start + index + 1, tables.literals) }
            // What looks like an escape may still be the beginning of a secret.
            if !skeleton.isAtRest { isLiteralActive = true }
            index += 1
        }
    }

    /// Moves `index` to the next byte that may begin a secret or an escape.
    private mutating func skip(
        _ input: UnsafeBufferPointer<UInt8>, from index: inout Int, _ skippable: UnsafeBufferPointer<UInt8>
    ) {
        while true {
            let first = index
            while index < input.count, skippable[Int(input[index])] != 0 { index += 1 }
            if index > first {
                skeleton.skipped()
                matcher.skipped(input[first..<index])
            }
            // A whole color sequence is not part of the text.
            guard index + 1 < input.count, input[index] == 0x1b, input[index + 1] == UInt8(ascii: "[") else { return }
            var end = index + 2
            while end < input.count, (0x20..<0x40).contains(input[end]) { end += 1 }
            guard end < input.count, (0x40...0x7e).contains(input[end]) else { return }
            index = end + 1
        }
    }

    private mutating func seekLiterally(_ byte: UInt8, endingAt end: Int, _ tables: PatternAutomaton.Tables) {
        literal = tables.next(literal, byte)
        guard literal != PatternAutomaton.root else {
            isLiteralActive = masker.seeksLiterals
            return
        }
        let length = Int(tables.node(literal).longest)
        if length > 0 { matcher.redactions.add(end - length..<end) }
    }

    private var literalDepth: Int { masker.literals.withTables { Int($0.node(literal).depth) } }

    // MARK: - Output

    /// No secret can start earlier.
    private var decided: Int {
        let end = offset + held.count
        let pending = min(end, skeleton.pendingStart(withLead: masker.skeletons.hasLeads))
        let symbols = masker.skeletons.automaton.withTables { matcher.heldStart(pending, $0) }
        return max(min(symbols ?? end, pending, end - literalDepth), matcher.redactions.floor)
    }

    private mutating func emit(upTo limit: Int, into output: inout [UInt8]) {
        let done = matcher.redactions.emit(held, from: offset, upTo: limit, into: &output)
        if done == held.count { held.removeAll(keepingCapacity: true) } else { held.removeFirst(done) }
        offset += done
    }
}

extension Masker: TextMasking {
    /// `value` with every secret hidden: in strings and names, and numbers that are secret in any notation.
    package func mask(_ value: JSONValue) -> JSONValue {
        switch value {
        case .null, .bool: return value
        case .integer(let number): return hides(number: String(number)) ? .string(Self.replacement) : value
        case .number(let number): return hides(number: "\(number)") ? .string(Self.replacement) : value
        case .string(let text): return .string(mask(text))
        case .array(let items): return .array(items.map { mask($0) })
        case .object(let members):
            var masked: [String: JSONValue] = [:]
            for (name, member) in members.sorted(by: { $0.key < $1.key }) {
                // Two names may become one; neither member is lost.
                var shown = mask(name)
                var number = 2
                while masked[shown] != nil {
                    shown = "\(mask(name)) \(number)"
                    number += 1
                }
                masked[shown] = mask(member)
            }
            return .object(masked)
        }
    }
}

extension VineSecrets {
    /// Every text to mask. What is shorter than ``VineSecrets/minimumLength`` can't be masked.
    package var maskedTexts: [String] { leaves.map(\.text) }
}
