/// The patterns to find in a text's skeleton.
struct SkeletonPatterns: Sendable {
    /// What skeletons leave out. Two secrets with the same skeleton may differ in it.
    struct Variant: Hashable, Sendable {
        /// Which symbols follow a blank in the secret, one byte each; the first one doesn't count.
        var blanks: [Bool]
        /// The secret begins, or ends, with characters that skeletons leave out.
        var hasLead = false
        var hasTrail = false
    }

    let automaton: PatternAutomaton
    /// By the automaton's pattern numbers, from 0.
    let variants: [[Variant]]
    /// Symbols of the longest pattern.
    let longest: Int
    let hasLeads: Bool

    init(_ patterns: [[UInt8]: Set<Variant>]) {
        let sorted = patterns.sorted { $0.key.lexicographicallyPrecedes($1.key) }
        automaton = PatternAutomaton(sorted: sorted.map(\.key))
        variants = sorted.map { Array($0.value) }
        longest = sorted.map(\.key.count).max() ?? 0
        hasLeads = variants.contains { $0.contains(where: \.hasLead) }
    }
}

/// Finds secrets in the symbols of one stream.
///
/// A spacing in the text must be one in the secret, too, except that text may be wrapped anywhere.
struct SecretMatcher: SkeletonSink {
    typealias Context = PatternAutomaton.Tables

    /// The longest spacing inside of a secret, in raw bytes: white space, frames, colors, and quoting.
    static let spacingLimit = 1 << 10
    /// The longest raw text held back for one secret.
    static let spanLimit = 64 << 10
    /// A line that ends with fewer symbols of a secret is not held back for the next line, unless it is framed.
    static let shortestHeld = 3

    private struct Place: Sendable {
        var start = 0
        var end = 0
        var lead = 0
        var spacing: TextSkeleton.Spacing = []
    }

    private let patterns: SkeletonPatterns
    private(set) var state = PatternAutomaton.root
    var redactions = Redactions()
    /// The last symbols, by their number. Those that could belong to a secret are in here.
    private var places: [Place]
    private let mask: Int
    private var count = 0
    /// Where the occurrence that just ended begins, if quotes after it may belong to it.
    private var extended: Int?
    private var isFramed = false

    /// - Parameter length: the maximum number of bytes of the text.
    init(_ patterns: SkeletonPatterns, length: Int) {
        self.patterns = patterns
        var capacity = 1
        while capacity <= min(patterns.longest, length) { capacity *= 2 }
        places = [Place](repeating: Place(), count: capacity)
        mask = capacity - 1
    }

    var isAtRoot: Bool { state == PatternAutomaton.root }

    /// `text` was skipped, because no secret had started.
    @inline(__always)
    mutating func skipped(_ text: Slice<UnsafeBufferPointer<UInt8>>) {
        if isFramed, text.contains(UInt8(ascii: "\n")) { isFramed = false }
    }

    // MARK: - Symbols of the skeleton

    mutating func symbol(_ symbol: TextSkeleton.Symbol, _ tables: PatternAutomaton.Tables) {
        extended = nil
        if state != PatternAutomaton.root, symbol.start - places[count & mask].end > Self.spacingLimit {
            state = PatternAutomaton.root
        }
        state = tables.next(state, symbol.byte)
        guard state != PatternAutomaton.root else { return }
        count += 1
        places[count & mask] = Place(start: symbol.start, end: symbol.end, lead: symbol.lead, spacing: symbol.spacing)
        var node = tables.node(state)
        while state != PatternAutomaton.root, symbol.end - first(of: node).start > Self.spanLimit {
            state = node.fallback
            node = tables.node(state)
        }
        var ending = node.pattern > 0 ? state : node.output
        while ending != PatternAutomaton.root {
            let node = tables.node(ending)
            if let variant = variant(of: node) {
                let lower = variant.hasLead ? first(of: node).lead : first(of: node).start
                redactions.add(lower..<symbol.end)
                if variant.hasTrail { extended = lower }
                return
            }
            ending = node.output
        }
    }

    mutating func residue(endingAt end: Int) {
        if let extended { redactions.add(extended..<end) }
    }

    mutating func pause() { extended = nil }

    mutating func lineFeed(endingAt end: Int, _ tables: PatternAutomaton.Tables) {
        if state != PatternAutomaton.root, !isFramed, tables.node(state).depth < Self.shortestHeld {
            redactions.show(upTo: end)
        }
        isFramed = false
    }

    mutating func frame() { isFramed = true }

    /// The first symbol of what leads to `node`.
    private func first(of node: PatternAutomaton.Node) -> Place { places[(count - Int(node.depth) + 1) & mask] }

    /// The variant of the pattern at `node` whose blanks are where the text has them.
    private func variant(of node: PatternAutomaton.Node) -> SkeletonPatterns.Variant? {
        let length = Int(node.depth)
        return patterns.variants[Int(node.pattern) - 1].first { variant in
            (1..<length).allSatisfy { index in
                let spacing = places[(count - length + 1 + index) & mask].spacing
                return spacing.contains(.lineEnd) || spacing.contains(.blank) == variant.blanks[index]
            }
        }
    }

    // MARK: - Held-back text

    /// Where the oldest symbol begins that could belong to a secret; nil for none.
    ///
    /// - Parameter end: where the raw text ends that is read as a whole.
    func heldStart(_ end: Int, _ tables: PatternAutomaton.Tables) -> Int? {
        guard state != PatternAutomaton.root, end - places[count & mask].end <= Self.spacingLimit else { return nil }
        let first = first(of: tables.node(state))
        return patterns.hasLeads ? first.lead : first.start
    }

    /// The range of the symbols that could be the beginning of a secret, as far as they lie before `end`; nil if those
    /// are too few to reveal anything.
    func beginning(before end: Int, _ tables: PatternAutomaton.Tables) -> Range<Int>? {
        guard state != PatternAutomaton.root else { return nil }
        let depth = Int(tables.node(state).depth)
        let window = (count - depth + 1...count).prefix { places[$0 & mask].start < end }
        guard window.count >= SecretPatterns.minimumLength, let last = window.last else { return nil }
        return places[(count - depth + 1) & mask].start..<places[last & mask].end
    }
}
