/// Aho and Corasick's automaton over bytes: finds all patterns in one pass.
///
/// States are numbered by depth, the children of one state in a row, so a state needs no table of its own: only the
/// root and the states next to it, where ordinary text spends its time, have all 256 transitions written out.
struct PatternAutomaton: Sendable {
    typealias State = UInt32
    static let root: State = 0

    struct Node: Sendable {
        /// The children end where the next state's begin.
        fileprivate var firstChild: State = 0
        /// The state for the longest proper suffix that begins a pattern too.
        fileprivate(set) var fallback = PatternAutomaton.root
        /// The byte that leads here.
        fileprivate var byte: UInt8
        /// The number of bytes on the way here, which could be the start of a pattern.
        var depth: Int32
        /// The length of the longest pattern that ends here; 0 for none.
        var longest: Int32 = 0
        /// The pattern that leads from the root to here, counted from 1 in the sorted list; 0 for none.
        var pattern: Int32 = 0
        /// The nearest state along the fallbacks that ends a pattern of its own; the root for none.
        var output = PatternAutomaton.root
    }

    /// One more than there are states: its `firstChild` ends the last one's children.
    private var nodes = [Node(byte: 0, depth: 0)]
    /// 256 transitions for each state below `denseCount`.
    private var dense: [State] = []
    private var denseCount: State = 1

    init(_ patterns: some Sequence<[UInt8]>) {
        self.init(sorted: Set(patterns).filter { !$0.isEmpty }.sorted { $0.lexicographicallyPrecedes($1) })
    }

    /// - Parameter patterns: none is empty, no two are equal.
    init(sorted patterns: [[UInt8]]) {
        let parents = build(sorted: patterns)
        writeOutDense()
        // A fallback is shallower than its state, so processing by depth works.
        for state in parents.indices where nodes[state].depth > 1 {
            let origin = nodes[Int(parents[state])].fallback
            let byte = nodes[state].byte
            let fallback = withTables { $0.next(origin, byte) }
            nodes[state].fallback = fallback
            nodes[state].longest = max(nodes[state].longest, nodes[Int(fallback)].longest)
            nodes[state].output = nodes[Int(fallback)].pattern > 0 ? fallback : nodes[Int(fallback)].output
        }
    }

    /// Whether there are no patterns.
    var isEmpty: Bool { denseCount == 1 }

    /// Makes the trie level by level: patterns that share a prefix are adjacent.
    ///
    /// - Returns: each state's parent.
    private mutating func build(sorted patterns: [[UInt8]]) -> [State] {
        var parents = [Self.root]
        var level: [(state: State, patterns: Range<Int>)] = [(Self.root, patterns.indices)]
        var length = 0
        while !level.isEmpty {
            var deeper: [(state: State, patterns: Range<Int>)] = []
            for (state, range) in level {
                nodes[Int(state)].firstChild = State(nodes.count)
                var index = range.lowerBound
                if index < range.upperBound, patterns[index].count == length {
                    nodes[Int(state)].longest = Int32(length)
                    nodes[Int(state)].pattern = Int32(index + 1)
                    index += 1
                }
                while index < range.upperBound {
                    let byte = patterns[index][length]
                    var end = index + 1
                    while end < range.upperBound, patterns[end][length] == byte { end += 1 }
                    deeper.append((State(nodes.count), index..<end))
                    nodes.append(Node(byte: byte, depth: Int32(length + 1)))
                    parents.append(state)
                    index = end
                }
            }
            level = deeper
            length += 1
        }
        nodes.append(Node(firstChild: State(nodes.count), byte: 0, depth: 0))
        return parents
    }

    private mutating func writeOutDense() {
        denseCount = nodes[0].firstChild + State(nodes.dropLast().lazy.filter { $0.depth == 1 }.count)
        dense = [State](repeating: Self.root, count: Int(denseCount) * 256)
        for state in 0..<Int(denseCount) {
            if state > 0 {
                for byte in 0..<256 { dense[state << 8 | byte] = dense[byte] }
            }
            for child in nodes[state].firstChild..<nodes[state + 1].firstChild {
                dense[state << 8 | Int(nodes[Int(child)].byte)] = child
            }
        }
    }

    /// The tables for a hot loop, without checks.
    struct Tables {
        fileprivate let nodes: UnsafePointer<Node>
        fileprivate let dense: UnsafePointer<State>
        fileprivate let denseCount: State

        @inline(__always)
        func next(_ state: State, _ input: UInt8) -> State {
            var state = state
            while state >= denseCount {
                let node = nodes[Int(state)]
                let end = nodes[Int(state) + 1].firstChild
                var child = node.firstChild
                while child < end {
                    if nodes[Int(child)].byte == input { return child }
                    child += 1
                }
                state = node.fallback
            }
            return dense[Int(state) << 8 | Int(input)]
        }

        @inline(__always)
        func node(_ state: State) -> Node { nodes[Int(state)] }
    }

    @inline(__always)
    func withTables<Result>(_ body: (Tables) -> Result) -> Result {
        nodes.withUnsafeBufferPointer { nodes in
            dense.withUnsafeBufferPointer { dense in
                guard let nodes = nodes.baseAddress, let dense = dense.baseAddress else {
                    preconditionFailure("both tables have a row for the root")
                }
                return body(Tables(nodes: nodes, dense: dense, denseCount: denseCount))
            }
        }
    }
}
