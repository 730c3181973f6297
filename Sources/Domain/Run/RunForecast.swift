/// How long the vine's resources took before.
public struct RunHistory: Sendable {
    /// One operation that ended well.
    public struct Sample: Hashable, Sendable {
        public var address: String
        public var action: PlanAction
        public var milliseconds: Int64

        public init(address: String, action: PlanAction, milliseconds: Int64) {
            self.address = address
            self.action = action
            self.milliseconds = milliseconds
        }
    }

    /// The usual duration, and one that 9 of 10 stay below.
    public struct Usual: Hashable, Sendable {
        public var median: Int64
        public var p90: Int64

        /// nil without samples.
        public init?(_ samples: [Int64]) {
            guard let found = samples.medianAndP90 else { return nil }
            (median, p90) = found
        }
    }

    private struct Key: Hashable {
        var name: String
        var action: PlanAction
    }

    private let byAddress: [Key: Usual]
    private let byType: [Key: Usual]

    /// The maximum number of samples that are read.
    public static let maximumSamples = 20_000
    /// The number of earlier jobs that are read.
    public static let maximumJobs = 10
    /// The number of the vine's newest jobs among which those are looked for.
    public static let searchedJobs = 200

    public init(_ samples: [Sample]) {
        func grouped(_ name: (Sample) -> String) -> [Key: Usual] {
            Dictionary(grouping: samples) { Key(name: name($0), action: $0.action) }
                .compactMapValues { Usual($0.map { max(0, $0.milliseconds) }) }
        }
        byAddress = grouped(\.address)
        byType = grouped { RunGraph.type(of: $0.address) }
    }

    /// By the address, else by its type; nil if neither was seen.
    public func usual(_ address: String, _ action: PlanAction) -> Usual? {
        byAddress[Key(name: address, action: action)] ?? byType[Key(name: RunGraph.type(of: address), action: action)]
    }
}

/// How far a job is, and when it will probably end. Pure.
public struct RunProgress: Hashable, Codable, Sendable {
    public struct Forecast: Hashable, Codable, Sendable {
        public var endsAt: Timestamp
        /// 9 of 10 end before.
        public var p90EndsAt: Timestamp
        /// The running resource that the end depends on, and how long it usually takes.
        public var waitingOn: String?
        public var usualMs: Int64?
        /// What the forecast is made from, in words.
        public var basis: String

        public init(
            endsAt: Timestamp, p90EndsAt: Timestamp, waitingOn: String? = nil, usualMs: Int64? = nil, basis: String
        ) {
            self.endsAt = endsAt
            self.p90EndsAt = p90EndsAt
            self.waitingOn = waitingOn
            self.usualMs = usualMs
            self.basis = basis
        }
    }

    /// Resources that are not done, and all.
    public var left: Int
    public var total: Int
    /// nil without a history.
    public var forecast: Forecast?
    /// The forecasts so far; nil in what older versions stored.
    public var made: ForecastRecord?

    /// A PLAN: as long as earlier ones took. nil without a history.
    ///
    /// - Parameters:
    ///   - earlier: milliseconds of earlier PLANs of the vine.
    public init?(planStartedAt start: Timestamp, earlier: [Int64], at now: Timestamp) {
        guard let usual = RunHistory.Usual(earlier.map { max(0, $0) }) else { return nil }
        let elapsed = max(0, now.milliseconds(since: start))
        left = 0
        total = 0
        // One that takes longer than usual will take a little longer still.
        let length = usual.median > elapsed ? usual.median : elapsed + max(1000, elapsed / 10)
        forecast = Forecast(
            endsAt: start.advanced(by: length), p90EndsAt: start.advanced(by: max(usual.p90, length)),
            basis: earlier.count == 1 ? "the last plan" : "the last \(earlier.count) plans")
    }

    /// The slots of an engine that was not told how many to use.
    public static let defaultSlots = 10

    /// - Parameter slots: how many resources the engine works on at a time.
    public init(
        _ items: [RunTimeline.Item], graph: RunGraph, history: RunHistory, slots: Int = defaultSlots, at now: Timestamp
    ) {
        let open = items.indices.filter { items[$0].isUnfinished }
        left = open.count
        total = items.count
        let usual = open.map { history.usual(items[$0].address, items[$0].action) }
        let known = usual.compactMap(\.self)
        // Where most is unknown, a number would be a guess.
        guard known.count * 2 >= open.count, let fallback = RunHistory.Usual(known.map(\.median)) else { return }
        let durations = Dictionary(uniqueKeysWithValues: zip(open, usual.map { $0 ?? fallback }))
        let order = RunOrder(graph, items)
        let likely = RunSimulation(items, order, slots: slots, at: now) { durations[$0]?.median ?? 0 }
        let late = RunSimulation(items, order, slots: slots, at: now) { durations[$0]?.p90 ?? 0 }
        forecast = Forecast(
            endsAt: now.advanced(by: likely.length), p90EndsAt: now.advanced(by: max(late.length, likely.length)),
            waitingOn: likely.waitingOn.map { items[$0].address },
            usualMs: likely.waitingOn.flatMap { durations[$0]?.median },
            basis: "earlier durations of \(known.count) of \(open.count) resources")
    }
}

/// Plays what is left of a job with given durations.
struct RunSimulation {
    /// Milliseconds until the last one ends.
    private(set) var length: Int64 = 0
    /// The running item that begins the chain that ends last.
    private(set) var waitingOn: Int?

    init(
        _ items: [RunTimeline.Item], _ order: RunOrder, slots: Int, at now: Timestamp, duration: (Int) -> Int64
    ) {
        var left = order.members.map { $0.count { items[$0].isUnfinished } }
        // For each group, how many of those before it are unfinished, and who waits for it.
        var blockers = order.before.map { $0.count { left[$0] > 0 } }
        var after = Array(repeating: [Int](), count: left.count)
        for (group, before) in order.before.enumerated() { for earlier in before { after[earlier].append(group) } }
        var running = EventQueue()
        /// For each item, the item whose end let it begin.
        var causes: [Int: Int] = [:]
        var ready: [Int] = []
        for index in items.indices where items[index].isUnfinished {
            let group = order.groupByItem[index]
            if items[index].state == .waiting {
                if group.map({ blockers[$0] == 0 }) ?? true { ready.append(index) }
            } else {
                let elapsed = items[index].startedAt.map { max(0, now.milliseconds(since: $0)) } ?? 0
                // One that takes longer than usual will take a little longer still.
                let rest = duration(index) - elapsed
                running.insert(rest > 0 ? rest : max(1000, elapsed / 10), index)
            }
        }
        var begun = 0
        var clock: Int64 = 0
        var last: Int?
        var free: Int?
        while true {
            while begun < ready.count, running.count < max(1, slots) {
                let next = ready[begun]
                begun += 1
                if causes[next] == nil, let free { causes[next] = free }
                running.insert(clock + max(0, duration(next)), next)
            }
            guard let (end, index) = running.removeFirst() else { break }
            (clock, last, free) = (end, index, index)
            guard let group = order.groupByItem[index] else { continue }
            left[group] -= 1
            guard left[group] == 0 else { continue }
            for later in after[group] {
                blockers[later] -= 1
                guard blockers[later] == 0 else { continue }
                for member in order.members[later] where items[member].state == .waiting {
                    causes[member] = index
                    ready.append(member)
                }
            }
        }
        length = clock
        var cause = last
        while let index = cause, items[index].state == .waiting { cause = causes[index] }
        waitingOn = cause
    }
}

/// A binary heap of items by the time at which they end.
private struct EventQueue {
    private var heap: [(at: Int64, index: Int)] = []

    var count: Int { heap.count }

    mutating func insert(_ at: Int64, _ index: Int) {
        heap.append((at, index))
        var child = heap.count - 1
        while child > 0, heap[child].at < heap[(child - 1) / 2].at {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func removeFirst() -> (at: Int64, index: Int)? {
        guard let first = heap.first else { return nil }
        heap[0] = heap[heap.count - 1]
        heap.removeLast()
        var parent = 0
        while true {
            let children = [2 * parent + 1, 2 * parent + 2].filter { $0 < heap.count }
            guard let least = children.min(by: { heap[$0].at < heap[$1].at }), heap[least].at < heap[parent].at else {
                return first
            }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
