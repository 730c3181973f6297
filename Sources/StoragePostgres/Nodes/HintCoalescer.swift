internal import Domain
internal import Storage

/// A message from one node to the others: where to look at once, instead of at the next poll.
struct Hint: Equatable, Sendable {
    /// The node that sends it. A node hears its own hints, too: that shows that hints arrive.
    var node: String
    /// Whether there is something new in `store_changes`.
    var hasStoredChanges = false
    /// Growth of logs, and heartbeats.
    var changes: [StoreChange] = []

    private static let version = "1"

    var text: String {
        [Self.version, node, hasStoredChanges ? "+" : "-", ChangeText.encode(changes)].joined(separator: " ")
    }

    init(node: String, hasStoredChanges: Bool = false, changes: [StoreChange] = []) {
        (self.node, self.hasStoredChanges, self.changes) = (node, hasStoredChanges, changes)
    }

    /// Reads a message. One of another version says only that there is something.
    init?(_ text: String) {
        let words = text.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
        guard words.count == 4 else { return nil }
        node = String(words[1])
        guard words[0] == Self.version else {
            hasStoredChanges = true
            return
        }
        hasStoredChanges = words[2] == "+"
        changes = ChangeText.decode(words[3])
    }
}

/// Collects changes until the next hint may be sent: at once after a pause, and otherwise once in ``interval``. So a
/// single change waits for nothing, and many cost little.
struct HintCoalescer: Sendable {
    static let interval = Duration.milliseconds(10)
    /// PostgreSQL takes 8,000 bytes at most.
    static let maxBytes = 7900
    /// Changes that wait at most. What is more is found by polling.
    static let capacity = 20_000

    private let node: String
    private var logs: [JobID: Int64] = [:]
    private var tendrils: Set<TendrilID> = []
    /// The order in which they came first.
    private var order: [Key] = []
    private var hasStoredChanges = false
    private var isProbe = false
    private var isSending = false
    private var lastSent: ContinuousClock.Instant?

    private enum Key: Hashable, Sendable {
        case log(JobID)
        case tendril(TendrilID)
    }

    init(node: String) { self.node = node }

    private var isEmpty: Bool { order.isEmpty && !hasStoredChanges && !isProbe }

    mutating func add(_ changes: [StoreChange]) {
        for change in changes {
            switch change {
            case .log(let id, let seq):
                guard logs[id] != nil || order.count < Self.capacity else { continue }
                if logs.updateValue(max(seq, logs[id] ?? 0), forKey: id) == nil { order.append(.log(id)) }
            case .tendril(let id, isNew: false):
                guard order.count < Self.capacity else { continue }
                if tendrils.insert(id).inserted { order.append(.tendril(id)) }
            default: hasStoredChanges = true
            }
        }
    }

    /// A hint without changes: to say that this node is there, and to hear it.
    mutating func addProbe() { isProbe = true }

    /// - Returns: how long to wait before calling ``next(at:)``; nil if nothing waits, or somebody does that already.
    mutating func begin(at now: ContinuousClock.Instant) -> Duration? {
        guard !isSending, !isEmpty else { return nil }
        isSending = true
        return pause(at: now)
    }

    /// How long until the next hint may be sent.
    func pause(at now: ContinuousClock.Instant) -> Duration {
        guard let lastSent else { return .zero }
        return max(.zero, Self.interval - (now - lastSent))
    }

    /// The next hint to send; nil, and sending has ended, if nothing waits.
    mutating func next(at now: ContinuousClock.Instant) -> Hint? {
        guard !isEmpty else {
            isSending = false
            return nil
        }
        lastSent = now
        var hint = Hint(node: node, hasStoredChanges: hasStoredChanges)
        (hasStoredChanges, isProbe) = (false, false)
        var bytes = hint.text.utf8.count
        var taken = 0
        for key in order {
            let change: StoreChange =
                switch key {
                case .log(let id): .log(id, seq: logs[id] ?? 0)
                case .tendril(let id): .tendril(id)
                }
            bytes += (ChangeText.word(change)?.utf8.count ?? 0) + 1
            guard bytes <= Self.maxBytes else { break }
            hint.changes.append(change)
            taken += 1
        }
        for key in order.prefix(taken) {
            switch key {
            case .log(let id): logs[id] = nil
            case .tendril(let id): tendrils.remove(id)
            }
        }
        order.removeFirst(taken)
        return hint
    }
}
