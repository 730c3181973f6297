internal import Domain

/// So many at once, and so many a second after that.
struct TokenBucket: Sendable {
    var capacity: Int
    var perSecond: Int
    private var tokens: Double
    private var at: Timestamp

    init(capacity: Int, perSecond: Int, at now: Timestamp) {
        self.capacity = capacity
        self.perSecond = perSecond
        tokens = Double(capacity)
        at = now
    }

    /// Takes one; false where there is none at the moment.
    mutating func take(at now: Timestamp) -> Bool {
        let elapsed = Double(max(0, now.milliseconds(since: at))) / 1000
        tokens = min(Double(capacity), tokens + elapsed * Double(perSecond))
        at = now
        guard tokens >= 1 else { return false }
        tokens -= 1
        return true
    }
}
