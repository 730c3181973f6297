internal import Logging
internal import Storage
internal import Synchronization

/// The open sessions.
final class RealtimeConnections: Sendable {
    private let sessions = Mutex<[ObjectIdentifier: RealtimeSession]>([:])

    /// Limits the open connections, including those whose session has not started.
    let slots = ConcurrencyLimit()
    static let slotKey = "realtime"

    func add(_ session: RealtimeSession) {
        sessions.withLock { $0[ObjectIdentifier(session)] = session }
    }

    func remove(_ session: RealtimeSession) {
        sessions.withLock { $0[ObjectIdentifier(session)] = nil }
    }

    /// Ends the sessions that use `credential`.
    func end(_ credential: Credential) {
        for session in sessions.withLock({ Array($0.values) }) where session.credential == credential {
            session.expire()
        }
    }

    /// Ends the sessions whose credential is no longer valid. Checks each credential once, however many sessions use it.
    func sweep(_ access: AccessCheck) async throws {
        let byCredential = Dictionary(grouping: sessions.withLock { Array($0.values) }, by: \.credential)
        for (credential, sessions) in byCredential where try await access.user(of: credential) == nil {
            for session in sessions { session.expire() }
        }
    }
}

/// Checks the credentials of open sessions and streams periodically, so that a revoked credential ends them.
struct CredentialSweep: Sendable {
    var connections: RealtimeConnections
    var streams: OpenStreams
    var tendrils: any TendrilStore
    var access: AccessCheck

    /// Time between two checks. Nothing outlives its credential by more than 15 seconds, including the check itself.
    static let interval = Duration.seconds(10)

    /// The duty that runs it, on every node for its own connections.
    func periodic(logger: Logger) -> Periodic {
        Periodic(name: "credential checks", interval: Self.interval, exclusive: nil, logger: logger) { _ in
            try await connections.sweep(access)
            try await streams.sweep(access, tendrils)
        }
    }
}
