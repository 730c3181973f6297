/// Hides secrets: every byte that belongs to an occurrence of a pattern is replaced, overlapping ones as one.
///
/// Made once for a job; the patterns' tables are shared by all streams.
struct Masker: Sendable {
    static let replacement = "(sensitive)"

    fileprivate let automaton: PatternAutomaton

    /// - Parameter secrets: the secret values, in clear.
    init(secrets: [String]) { self.init(patterns: SecretPatterns.of(secrets)) }

    /// - Parameter patterns: byte strings in valid UTF-8 without a line feed.
    init(patterns: [[UInt8]]) { automaton = PatternAutomaton(patterns) }

    /// `text` with every secret hidden: for outputs, messages and metadata.
    func mask(_ text: String) -> String {
        if automaton.isEmpty { return text }
        var stream = MaskingStream(self)
        var output: [UInt8] = []
        Array(text.utf8).withUnsafeBufferPointer { stream.take($0, into: &output) }
        // The text is whole: what looks like the beginning of a secret at its end is none.
        stream.finish(hidingBeginnings: false, into: &output)
        return String(decoding: output, as: UTF8.self)
    }
}

/// Masks one stream that arrives in pieces. The result does not depend on where they were cut.
///
/// What could be the beginning of a secret is held back until that is decided; a line feed decides it always.
struct MaskingStream: Sendable {
    private let masker: Masker
    private var state = PatternAutomaton.root
    /// What was taken and not yet given out; its first byte is the stream's byte number `offset`.
    private var held: [UInt8] = []
    private var offset = 0
    /// Occurrences that were found and not yet given out, apart from each other, in order.
    private var found: [Range<Int>] = []
    /// Up to here the stream is covered by the last replacement that was given out.
    private var covered = 0

    init(_ masker: Masker) { self.masker = masker }

    /// Appends what `input` makes certain to `output`.
    mutating func take(_ input: UnsafeBufferPointer<UInt8>, into output: inout [UInt8]) {
        if masker.automaton.isEmpty {
            output.append(contentsOf: input)
            return
        }
        let end = seek(in: input)
        held.append(contentsOf: input)
        let depth = masker.automaton.withTables { Int($0.node(state).depth) }
        give(upTo: end - depth, into: &output)
    }

    /// Nothing more comes.
    ///
    /// - Parameter hidingBeginnings: the stream may have been cut off in the middle of a secret, so what begins one
    ///   is hidden as well.
    mutating func finish(hidingBeginnings: Bool = true, into output: inout [UInt8]) {
        let end = offset + held.count
        let depth = masker.automaton.withTables { Int($0.node(state).depth) }
        if hidingBeginnings, depth >= SecretPatterns.minimumLength { add(end - depth..<end) }
        state = PatternAutomaton.root
        give(upTo: end, into: &output)
    }

    /// Finds the occurrences that end in `input`; the stream has the returned number of bytes after it.
    private mutating func seek(in input: UnsafeBufferPointer<UInt8>) -> Int {
        let start = offset + held.count
        var state = state
        var ends: [(end: Int, length: Int)] = []
        masker.automaton.withTables { tables in
            for index in 0..<input.count {
                state = tables.next(state, input[index])
                guard state != PatternAutomaton.root else { continue }
                let length = tables.node(state).longest
                if length > 0 { ends.append((start + index + 1, Int(length))) }
            }
        }
        self.state = state
        for match in ends { add(match.end - match.length..<match.end) }
        return start + input.count
    }

    /// Notes an occurrence. Ends never decrease; a later one may begin before those that were found.
    private mutating func add(_ match: Range<Int>) {
        if match.lowerBound < covered {
            // It goes on where the replacement that was given out ended.
            found.removeAll()
            covered = match.upperBound
            return
        }
        var lower = match.lowerBound
        while let last = found.last, last.upperBound > lower {
            lower = min(lower, last.lowerBound)
            found.removeLast()
        }
        found.append(lower..<match.upperBound)
    }

    /// Gives out what no occurrence that begins at `limit` or later can change any more.
    private mutating func give(upTo limit: Int, into output: inout [UInt8]) {
        var given = max(offset, covered)
        var index = 0
        while index < found.count, found[index].lowerBound <= limit {
            append(given..<found[index].lowerBound, to: &output)
            output.append(contentsOf: Masker.replacement.utf8)
            given = found[index].upperBound
            covered = given
            index += 1
        }
        found.removeFirst(index)
        if given < limit {
            append(given..<limit, to: &output)
            given = limit
        }
        let done = min(given - offset, held.count)
        held.removeFirst(done)
        offset += done
    }

    private func append(_ range: Range<Int>, to output: inout [UInt8]) {
        output.append(contentsOf: held[range.lowerBound - offset..<range.upperBound - offset])
    }
}
