internal import Storage

/// What one node knows of who has which duty.
///
/// The database's clock decides; this node trusts what it was told only for a while on its own clock, counted from
/// before it asked. So a node that stood still finds its term over before another node can have the duty.
struct HeldDuties: Sendable {
    /// How long a term lasts without being renewed.
    static let lifetime = Duration.seconds(15)
    /// How much earlier the holder stops to trust its term.
    static let margin = Duration.seconds(4)
    /// A term is renewed when it is this old.
    static let renewal = Duration.seconds(5)
    /// Another node's term is not asked about again for this long.
    static let patience = Duration.seconds(2)

    enum Answer: Equatable, Sendable {
        /// This node has the duty.
        case held(Int64)
        /// Another node has it.
        case elsewhere
        /// The database must be asked.
        case ask
    }

    private enum Known: Sendable {
        case held(Int64, asked: ContinuousClock.Instant)
        case elsewhere(asked: ContinuousClock.Instant)
    }

    private var known: [String: Known] = [:]

    func answer(_ duty: String, at now: ContinuousClock.Instant) -> Answer {
        switch known[duty] {
        case .held(let term, let asked) where now - asked < Self.renewal: .held(term)
        case .elsewhere(let asked) where now - asked < Self.patience: .elsewhere
        default: .ask
        }
    }

    /// The database could not be asked: a term that still lasts goes on.
    func answerWithoutDatabase(_ duty: String, at now: ContinuousClock.Instant) -> Int64? {
        guard case .held(let term, let asked) = known[duty], now - asked < Self.lifetime - Self.margin else {
            return nil
        }
        return term
    }

    /// The database has said who has the duty.
    ///
    /// - Parameters:
    ///   - term: nil for another node.
    ///   - asked: when the question was sent.
    /// - Returns: the term, if it can be trusted now.
    mutating func take(
        _ duty: String, term: Int64?, asked: ContinuousClock.Instant, at now: ContinuousClock.Instant
    ) -> Int64? {
        known[duty] = term.map { .held($0, asked: asked) } ?? .elsewhere(asked: asked)
        return answerWithoutDatabase(duty, at: now)
    }
}
