internal import Domain
internal import Foundation
internal import Logging
internal import OpenID
internal import Storage
internal import Synchronization

/// Reads the groups of people who signed in through an identity provider again, so that a person who loses a group loses
/// what it gives.
///
/// While somebody uses Vintner or has a page open, groups are read every few seconds (``RefreshSchedule``); a request
/// that comes after a pause waits for that. With the refresh refused, the session ends. While the provider does not
/// answer, rights are kept for ``patience``.
final class SessionRefresh: Sendable {
    private struct State {
        var schedule: RefreshSchedule<Credential>
        var reading: [Credential: Task<Void, Never>] = [:]
    }

    /// How long a session goes on without an answer of the provider, in milliseconds.
    static let patience: Int64 = 15 * 60_000
    /// Time between two readings for a session that nobody uses, in milliseconds: well below ``patience``, so that a
    /// short outage does not end a session that is used again.
    static let idleInterval: Int64 = 5 * 60_000
    /// How many sessions are read in one round, and at the same time.
    static let batch = 500
    static let width = 16
    static let tick = Duration.seconds(1)
    static let idleTick = Duration.seconds(15)

    private let store: any Store
    private let providers: IdentityProviders
    private let ambient: SystemDependencies
    private let logger: Logger
    private let interval: Int64
    private let onEnded: @Sendable (Credential) -> Void
    private let onChange: @Sendable () async -> Void
    private let state: Mutex<State>

    /// - Parameters:
    ///   - interval: milliseconds between two readings for a credential in use.
    ///   - onEnded: a session has ended.
    ///   - onChange: somebody's groups have changed, so that what is open must be asked about again.
    init(
        store: any Store, providers: IdentityProviders, ambient: SystemDependencies, logger: Logger, interval: Int64,
        onEnded: @escaping @Sendable (Credential) -> Void, onChange: @escaping @Sendable () async -> Void
    ) {
        self.store = store
        self.providers = providers
        self.ambient = ambient
        self.logger = logger
        self.interval = interval
        self.onEnded = onEnded
        self.onChange = onChange
        state = Mutex(State(schedule: RefreshSchedule(.init(interval: interval))))
    }

    // MARK: - When

    /// A request came with a valid credential. If its owner's groups were not confirmed for a while, waits until they
    /// were read, or could not be.
    ///
    /// - Returns: whether the credential must be looked up again.
    func confirm(_ credential: Credential) async -> Bool {
        guard !providers.clients.isEmpty else { return false }
        let reading = state.withLock { state -> Task<Void, Never>? in
            switch state.schedule.use(credential, at: ambient.now()) {
            case .proceed: nil
            case .wait: state.reading[credential]
            case .read: begin(credential, &state)
            }
        }
        await reading?.value
        return reading != nil
    }

    /// Reads for every node what is in use on it.
    ///
    /// - Parameter open: the credentials with an open feed or stream.
    func periodic(open: @escaping @Sendable () -> Set<Credential>) -> Periodic {
        Periodic(name: "groups in use", interval: Self.tick, exclusive: nil, logger: logger) { [self] _ in
            // A provider that takes long must not hold up the next round.
            _ = begin(open: open())
        }
    }

    /// Reads, on one node, for the sessions that nobody uses.
    func idlePeriodic(on nodes: any ExclusiveDuty) -> Periodic {
        Periodic(name: "session-refresh", interval: Self.idleTick, exclusive: nodes, logger: logger) { [self] _ in
            try await readIdle()
        }
    }

    /// One round of ``periodic(open:)``, to its end.
    func readInUse(open: Set<Credential> = []) async {
        for reading in begin(open: open) { await reading.value }
    }

    func readIdle() async throws {
        guard !providers.clients.isEmpty else { return }
        let due = try await store.sessionsToRefresh(
            before: ambient.now().advanced(by: -max(Self.idleInterval, interval)), limit: Self.batch)
        try await withThrowingTaskGroup(of: Void.self) { group in
            var rest = due[...]
            for session in rest.prefix(Self.width) { group.addTask { _ = try await self.refresh(session) } }
            rest = rest.dropFirst(Self.width)
            while try await group.next() != nil {
                guard let session = rest.popFirst() else { continue }
                group.addTask { _ = try await self.refresh(session) }
            }
        }
    }

    private func begin(open: Set<Credential>) -> [Task<Void, Never>] {
        guard !providers.clients.isEmpty else { return [] }
        let now = ambient.now()
        return state.withLock { state in
            for credential in open { state.schedule.touch(credential, at: now) }
            return state.schedule.due(at: now, width: Self.width).map { begin($0, &state) }
        }
    }

    private func begin(_ credential: Credential, _ state: inout State) -> Task<Void, Never> {
        let reading = Task { [self] in
            let outcome = await read(credential)
            self.state.withLock { state in
                state.schedule.finish(credential, outcome, at: ambient.now())
                state.reading[credential] = nil
            }
        }
        state.reading[credential] = reading
        return reading
    }

    // MARK: - What

    private func read(_ credential: Credential) async -> RefreshSchedule<Credential>.Outcome {
        do {
            let session =
                switch credential {
                case .sessionHash(let hash): try await store.refreshableSession(ofSession: hash)
                case .tokenHash(let hash): try await store.refreshableSession(ofToken: hash)
                }
            guard let session else { return .exempt }
            guard ambient.now().milliseconds(since: session.refreshedAt) >= interval else {
                return .confirmed(at: session.refreshedAt)
            }
            return try await refresh(session)
        } catch {
            logger.warning("groups could not be read", metadata: ["error": "\(error)"])
            return .failed
        }
    }

    private func refresh(_ session: RefreshableSession) async throws -> RefreshSchedule<Credential>.Outcome {
        guard let client = providers.client(ofIssuer: session.identity.issuer) else {
            return try await end(session, claim: nil, "its provider is not configured")
        }
        let start = ambient.now()
        guard try await store.claimRefresh(ofSession: session.hash, since: session.refreshedAt, at: start) else {
            return .elsewhere
        }
        do {
            let found = try await client.refresh(session.refreshToken, subject: session.identity.subject)
            let now = ambient.now()
            let event = AuditContext.system.event(
                .changeGroups, on: AuditResource("user", session.user, name: session.user),
                reason: "\(client.provider.name) sent other groups.", ambient)
            let change = try await store.recording(event).recordRefresh(
                ofSession: session.hash, claim: start, refreshToken: found.refreshToken ?? session.refreshToken,
                groups: found.groups ?? [], at: now)
            if !change.isEmpty { await onChange() }
            // What the provider said may be as old as the question.
            return .confirmed(at: start)
        } catch let error as OpenIDError {
            guard error == .unreachable else { return try await end(session, claim: start, error.description) }
            let now = ambient.now()
            providers.failed(client.provider.id, error, at: now)
            if now.milliseconds(since: session.refreshedAt) > Self.patience {
                return try await end(session, claim: start, error.description)
            }
            try await store.releaseRefresh(ofSession: session.hash, claim: start)
            return .failed
        }
    }

    private func end(
        _ session: RefreshableSession, claim: Timestamp?, _ reason: String
    ) async throws -> RefreshSchedule<Credential>.Outcome {
        let event = AuditContext.system.event(
            .revokeSession, on: AuditResource("session", AccessEntry.id(of: session.hash), name: session.user),
            reason: reason, ambient)
        guard try await store.recording(event).endRefusedSession(hash: session.hash, claim: claim) else {
            return .elsewhere
        }
        onEnded(.sessionHash(session.hash))
        logger.notice("a session ended", metadata: ["user": "\(session.user)", "reason": "\(reason)"])
        // The person's tokens have no groups now.
        await onChange()
        return .ended
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
