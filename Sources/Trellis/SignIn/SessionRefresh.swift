internal import Domain
internal import Foundation
internal import Logging
internal import OpenID
internal import Storage
internal import Synchronization

/// Reads the groups of everybody who is signed in through an identity provider again, so that a person who loses a group
/// loses what it gives.
///
/// With the refresh refused, the session ends. While the provider does not answer, it goes on for ``patience``.
struct SessionRefresh: Sendable {
    var store: any Store
    var providers: IdentityProviders
    var ambient: SystemDependencies
    var logger: Logger
    /// Milliseconds between two refreshes of one session.
    var interval: Int64
    var onEnded: @Sendable (Credential) -> Void

    /// How long a session goes on without an answer of the provider, in milliseconds.
    static let patience: Int64 = 15 * 60_000
    /// How many are refreshed in one round, and at the same time.
    static let batch = 500
    static let width = 8

    func periodic(on nodes: any ExclusiveDuty) -> Periodic {
        Periodic(
            name: "session-refresh", interval: .milliseconds(min(15_000, interval / 2)), exclusive: nodes,
            logger: logger
        ) { round in
            var bound = self
            bound.store = store.bound(to: round.term)
            try await bound.runOnce()
        }
    }

    func runOnce() async throws {
        guard !providers.clients.isEmpty else { return }
        let due = try await store.sessionsToRefresh(
            before: ambient.now().advanced(by: -interval), limit: Self.batch)
        try await withThrowingTaskGroup(of: Void.self) { group in
            var rest = due[...]
            for session in rest.prefix(Self.width) { group.addTask { try await refresh(session) } }
            rest = rest.dropFirst(Self.width)
            while try await group.next() != nil {
                guard let session = rest.popFirst() else { continue }
                group.addTask { try await refresh(session) }
            }
        }
    }

    private func refresh(_ session: RefreshableSession) async throws {
        guard let client = providers.client(ofIssuer: session.identity.issuer) else {
            return try await end(session, "its provider is not configured")
        }
        do {
            let found = try await client.refresh(session.refreshToken, subject: session.identity.subject)
            try await store.recordRefresh(
                ofSession: session.hash, refreshToken: found.refreshToken ?? session.refreshToken,
                groups: found.groups ?? [], at: ambient.now())
        } catch let error as OpenIDError {
            guard error == .unreachable else { return try await end(session, error.description) }
            providers.failed(client.provider.id, error, at: ambient.now())
            if ambient.now().milliseconds(since: session.refreshedAt) > Self.patience {
                try await end(session, error.description)
            }
        }
    }

    private func end(_ session: RefreshableSession, _ reason: String) async throws {
        let event = AuditContext.system.event(
            .revokeSession, on: AuditResource("session", AccessEntry.id(of: session.hash), name: session.user),
            reason: reason, ambient)
        try await store.recording(event).endRefusedSession(hash: session.hash)
        onEnded(.sessionHash(session.hash))
        logger.notice("a session ended", metadata: ["user": "\(session.user)", "reason": "\(reason)"])
    }
}

/// When credentials were last used. Written once a minute, in one commit.
final class LastUse: Sendable {
    private let store: any AccessStore
    private let used = Mutex<[Credential: Timestamp]>([:])

    static let interval = Duration.seconds(60)
    /// More are not remembered until the next write.
    static let capacity = 50_000

    init(store: any AccessStore) { self.store = store }

    func note(_ credential: Credential, at now: Timestamp) {
        used.withLock { used in
            guard used.count < Self.capacity || used[credential] != nil else { return }
            used[credential] = now
        }
    }

    func periodic(logger: Logger) -> Periodic {
        Periodic(name: "last-use", interval: Self.interval, exclusive: nil, logger: logger) { [self] _ in
            try await write()
        }
    }

    func write() async throws {
        let noted = used.withLock { used in
            defer { used = [:] }
            return used
        }
        guard !noted.isEmpty else { return }
        var (tokens, sessions): ([Data: Timestamp], [Data: Timestamp]) = ([:], [:])
        for (credential, time) in noted {
            switch credential {
            case .tokenHash(let hash): tokens[hash] = time
            case .sessionHash(let hash): sessions[hash] = time
            }
        }
        try await store.recordUse(tokens: tokens, sessions: sessions)
    }
}
