internal import Logging
internal import ServiceLifecycle
internal import Storage
internal import StoragePostgres

/// Decides which node performs a duty that only one node may perform at a time.
protocol ExclusiveDuty: Sendable {
    /// The term under which this node may perform `duty` now; nil while another node has it.
    ///
    /// A term counts up each time the duty moves. What a node remembers between two rounds holds only within one term,
    /// and what is written for an older term is refused (``Store/bound(to:)``).
    func term(of duty: String) async throws -> Int64?
}

extension PostgresNodes: ExclusiveDuty {}

/// One process has every duty, in one endless term.
struct SoleNode: ExclusiveDuty {
    func term(of duty: String) async throws -> Int64? { 1 }
}

/// Runs one duty again and again until the server shuts down. An error is logged, and the next round tries again.
struct Periodic: Service {
    /// What a round knows about the one before.
    struct Round: Sendable {
        /// Time since the round before ended, twice the interval at most: time in which this process stood still says
        /// nothing about others. Zero in the first round of a term.
        var elapsed: Duration
        /// True in the first round of a term: what was remembered before no longer holds.
        var isFirst: Bool
        /// For what the round writes.
        var term: DutyTerm
    }

    var name: String
    var interval: Duration
    /// nil for a duty that every node performs for itself.
    var exclusive: (any ExclusiveDuty)?
    var logger: Logger
    var body: @Sendable (Round) async throws -> Void

    func run() async throws {
        try? await cancelWhenGracefulShutdown { try await runUntilCanceled() }
    }

    func runUntilCanceled() async throws {
        var lastTerm: Int64?
        var ended = ContinuousClock.now
        while true {
            do {
                if let term = try await term() {
                    let isFirst = term != lastTerm
                    let elapsed = isFirst ? .zero : min(ContinuousClock.now - ended, interval * 2)
                    try await body(
                        Round(elapsed: elapsed, isFirst: isFirst, term: DutyTerm(duty: name, number: term)))
                    lastTerm = term
                } else {
                    lastTerm = nil
                }
            } catch is CancellationError { throw CancellationError() } catch {
                logger.warning("a periodic duty failed", metadata: ["duty": "\(name)", "error": "\(error)"])
            }
            ended = .now
            try await Task.sleep(for: interval)
        }
    }

    private func term() async throws -> Int64? {
        guard let exclusive else { return 0 }
        return try await exclusive.term(of: name)
    }
}
