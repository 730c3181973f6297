internal import Domain

/// A token bucket: a burst, then a steady rate.
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

    /// Takes `count` tokens; takes none and returns false if there are fewer.
    mutating func take(_ count: Int = 1, at now: Timestamp) -> Bool {
        tokens = available(at: now)
        at = now
        guard tokens >= Double(count) else { return false }
        tokens -= Double(count)
        return true
    }

    /// Whether nothing is taken that has not come back.
    func isFull(at now: Timestamp) -> Bool { available(at: now) >= Double(capacity) }

    private func available(at now: Timestamp) -> Double {
        let elapsed = Double(max(0, now.milliseconds(since: at))) / 1000
        return min(Double(capacity), tokens + elapsed * Double(perSecond))
    }
}
