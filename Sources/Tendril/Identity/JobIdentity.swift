import Domain
import Foundation
import Logging
import Wire

/// The cloud identity of a job in one phase: its token lies in a file that is replaced in time, while the job runs.
actor JobIdentity {
    nonisolated let phase: TokenPhase
    /// What the engine's environment gets.
    nonisolated let environment: [String: String]
    /// Names that the engine's environment loses.
    nonisolated let reserved: Set<String>
    /// When the last token expires.
    private var expiresAt: Timestamp
    private var lifetime: Int64
    private var renewal: Task<Void, Never>?

    init(_ first: IdentityTokenResponse, phase: TokenPhase, environment: [String: String]) {
        self.phase = phase
        self.environment = environment
        reserved = IdentityFiles.reserved(by: first.provider)
        expiresAt = first.expiresAt
        lifetime = first.expiresAt.milliseconds(since: first.issuedAt)
    }

    /// Renews the token whenever half of its life is over. `renew` takes the next token, and puts it in its place.
    func keepFresh(
        sleeper: Sleeper, ambient: SystemDependencies,
        _ renew: @escaping @Sendable () async throws -> IdentityTokenResponse?
    ) {
        guard renewal == nil else { return }
        renewal = Task {
            var backoff = Backoff(limit: .seconds(30), dependencies: ambient)
            var wait = Duration.milliseconds(lifetime / 2)
            while !Task.isCancelled {
                do {
                    try await sleeper.sleep(wait)
                    guard let next = try await renew() else { return }
                    expiresAt = next.expiresAt
                    lifetime = next.expiresAt.milliseconds(since: next.issuedAt)
                    wait = .milliseconds(lifetime / 2)
                    backoff.reset()
                } catch is CancellationError { return } catch { wait = backoff.next() }
            }
        }
    }

    /// No token is taken or written once this returns.
    func stop() async {
        renewal?.cancel()
        await renewal?.value
    }
}
