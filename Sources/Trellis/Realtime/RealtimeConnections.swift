internal import Logging
internal import Storage
internal import Synchronization

/// The open sessions.
final class RealtimeConnections: Sendable {
    private let sessions = Mutex<[ObjectIdentifier: RealtimeSession]>([:])

    /// Limits the open connections, including those whose session has not started.
    let slots = ConcurrencyLimit()
    static let slotKey = "realtime"

    /// Sessions that there are now.
    var count: Int { sessions.withLock(\.count) }

    func add(_ session: RealtimeSession) {
        sessions.withLock { $0[ObjectIdentifier(session)] = session }
    }

    func remove(_ session: RealtimeSession) {
        sessions.withLock { $0[ObjectIdentifier(session)] = nil }
    }

    /// The credentials that they use.
    var credentials: Set<Credential> { Set(sessions.withLock { Array($0.values) }.map(\.credential)) }

    /// Ends the sessions that use `credential`.
    func end(_ credential: Credential) {
        for session in sessions.withLock({ Array($0.values) }) where session.credential == credential {
            session.expire()
        }
    }

    /// Ends the sessions whose credential is no longer valid, and what the others may no longer follow. Checks each
    /// credential once, however many sessions use it.
    func sweep(_ access: AccessCheck, _ check: RightsCheck) async throws {
        let byCredential = Dictionary(grouping: sessions.withLock { Array($0.values) }, by: \.credential)
        for (credential, sessions) in byCredential {
            guard let account = try await access.user(of: credential) else {
                for session in sessions { session.expire() }
                continue
            }
            let rights = try await check.rights(of: account)
            for session in sessions { try await session.restrict(to: rights, check) }
        }
    }
}

/// Checks the credentials and rights of open sessions and streams periodically, so that what was revoked ends them.
struct CredentialSweep: Sendable {
    var connections: RealtimeConnections
    var streams: OpenStreams
    var tendrils: any TendrilStore
    var access: AccessCheck
    var rights: RightsCheck

    /// Time between two checks. With the reading of groups before it (``RefreshSchedule/Timing/interval``), nothing outlives
    /// its credential or right by more than 15 seconds, including the check itself.
    static let interval = Duration.seconds(5)

    /// Checks now; for a change of rights. What fails is checked again soon.
    func run() async {
        try? await connections.sweep(access, rights)
        try? await streams.sweep(access, rights, tendrils)
    }

    /// The duty that runs it, on every node for its own connections.
    func periodic(logger: Logger) -> Periodic {
        Periodic(name: "credential checks", interval: Self.interval, exclusive: nil, logger: logger) { _ in
            try await connections.sweep(access, rights)
            try await streams.sweep(access, rights, tendrils)
        }
    }
}
