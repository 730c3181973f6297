internal import Domain
internal import LiveFeed
internal import NIOCore
internal import NIOWebSocket
internal import Synchronization
internal import WebSocket
internal import Wire

/// One Realtime connection: its channels and message handling.
final class RealtimeSession: WebSocketSession {
    private struct State {
        var channels: [String: RealtimeChannel] = [:]
        var credential: Credential
        var connection: WebSocketConnection?
        var joins: TokenBucket
        var rights = Rights()
    }

    private let version: RealtimeVersion
    private let slot: ConcurrencyLimit.Slot
    private let dependencies: RealtimeDependencies
    private let filters = FilterQueue()
    private let state: Mutex<State>

    init(client: RealtimeClient, dependencies: RealtimeDependencies) {
        version = client.version
        slot = client.slot
        self.dependencies = dependencies
        let joins = TokenBucket(
            capacity: dependencies.limits.joins, perSecond: dependencies.limits.joinsPerSecond,
            at: dependencies.ambient.now())
        state = Mutex(State(credential: client.credential, joins: joins))
    }

    /// The newest valid credential that the session was given.
    var credential: Credential { state.withLock(\.credential) }

    func run(_ connection: WebSocketConnection) async {
        state.withLock { $0.connection = connection }
        dependencies.connections.add(self)
        connection.onWritable { [weak self] in self?.channels.forEach { $0.sendAvailable() } }
        for await message in connection.messages {
            // Like Supabase, ignore malformed messages.
            guard case .text(let text) = message, let message = RealtimeMessage(text, version: version) else {
                continue
            }
            await take(message, connection)
        }
        for channel in channels { channel.stop() }
        dependencies.connections.remove(self)
        slot.release()
    }

    func serverIsGoing(_ connection: WebSocketConnection) {
        for channel in channels {
            channel.stop()
            channel.say(isFine: true, extension: "system", "Server requested disconnect")
        }
        connection.close(.unknown(1012), reason: "restart")
    }

    /// Ends the session: its credential was revoked, or has expired.
    func expire() {
        for channel in channels { channel.close("Token has expired") }
        state.withLock(\.connection)?.close(.policyViolation, reason: "the credential is no longer valid")
    }

    /// Delivers from now on only what `rights` allow.
    func restrict(to rights: Rights, _ check: RightsCheck) async throws {
        state.withLock { $0.rights = rights }
        for channel in channels {
            for job in channel.jobs where try await !Self.mayRead(job, rights, check) {
                channel.close("You may no longer read the log of job \(job.short).")
                break
            }
        }
    }

    private static func mayRead(_ job: JobID, _ rights: Rights, _ check: RightsCheck) async throws -> Bool {
        guard let place = try await check.place(of: .job(job)) else { return false }
        return rights.allows(.logsRead, on: place)
    }

    /// Whether the session's account may see this row of a table other than logs.
    private func sees(_ row: FeedRow) -> Bool {
        let rights = state.withLock(\.rights)
        switch (row.table, row.audience) {
        case (.logs, _): return true
        case (.jobs, .vine(let vine, in: let vineyard)): return rights.visible(.jobsRead).contains(vine, in: vineyard)
        case (.vines, .vine(let vine, in: let vineyard)): return rights.visible(.vinesRead).contains(vine, in: vineyard)
        case (.workers, .everybody): return rights.allows(.tendrilsRead, on: .anywhere)
        case (.workers, .vineyards(let bound)):
            let visible = rights.visible(.tendrilsRead)
            return visible.isAll || !visible.vineyards.isDisjoint(with: bound)
        default: return false
        }
    }

    private var channels: [RealtimeChannel] { state.withLock { Array($0.channels.values) } }

    // MARK: - Client messages

    private func take(_ message: RealtimeMessage, _ connection: WebSocketConnection) async {
        func send(_ message: RealtimeMessage) { self.send(message, connection) }
        switch (message.event, message.topic) {
        case ("heartbeat", RealtimeMessage.phoenix): send(.reply(to: message))
        case ("phx_join", _): await join(message, connection)
        case ("phx_leave", let topic):
            let channel = state.withLock { $0.channels.removeValue(forKey: topic) }
            channel?.stop()
            send(.reply(to: message))
            if let channel { send(.close(topic, joinRef: channel.joinRef)) }
        case ("access_token", let topic):
            guard let channel = state.withLock({ $0.channels[topic] }) else { return send(unmatched(message)) }
            await renew(message.payload["access_token"]?.stringValue, of: channel)
        case ("broadcast", let topic), ("presence", let topic):
            // Nothing is broadcast here; existing channels may send these without effect.
            if state.withLock({ $0.channels[topic] }) == nil { send(unmatched(message)) }
        case (_, let topic):
            if topic != RealtimeMessage.phoenix, state.withLock({ $0.channels[topic] }) == nil {
                send(unmatched(message))
            }
        }
    }

    private func send(_ message: RealtimeMessage, _ connection: WebSocketConnection) {
        connection.send([message.encoded(version)])
    }

    private func unmatched(_ message: RealtimeMessage) -> RealtimeMessage { .refusal(of: message, "unmatched topic") }

    private func join(_ message: RealtimeMessage, _ connection: WebSocketConnection) async {
        func refuse(_ reason: String) { send(.refusal(of: message, reason), connection) }
        let now = dependencies.ambient.now()
        guard state.withLock({ $0.joins.take(at: now) }) else {
            return refuse("ClientJoinRateLimitReached: Too many joins per second")
        }
        guard message.topic.hasPrefix(RealtimeMessage.topicPrefix), message.topic != RealtimeMessage.topicPrefix else {
            return refuse("TopicNameRequired: You must provide a topic name")
        }
        // It travels in every frame.
        guard message.topic.utf8.count <= dependencies.limits.topicBytes else {
            return refuse("TopicNameRequired: A topic has at most \(dependencies.limits.topicBytes) bytes")
        }
        // A second join replaces the first.
        if let old = state.withLock({ $0.channels.removeValue(forKey: message.topic) }) {
            old.stop()
            send(.close(old.topic, joinRef: old.joinRef), connection)
        }
        guard channels.count < dependencies.limits.channels else {
            return refuse("ChannelRateLimitReached: Too many channels")
        }
        let request: JoinRequest
        do { request = try JoinRequest(message.payload) } catch {
            return refuse("MalformedPayload: \(error.message)")
        }
        guard await accepts(request.accessToken) else {
            return refuse("Unauthorized: The access token is not valid")
        }
        guard let rights = await currentRights() else {
            return refuse("Unauthorized: The access token is not valid")
        }
        state.withLock { $0.rights = rights }
        let channel = RealtimeChannel(
            message, version: version, connection: connection, feeds: dependencies.feeds,
            filters: filters, burst: dependencies.limits.burstBytes,
            isVisible: { [weak self] row in self?.sees(row) ?? false })
        channel.onEnd { [weak self] in self?.forget(channel) }
        state.withLock { $0.channels[channel.topic] = channel }
        await channel.start(request.bindings) { [check = dependencies.rights] job in
            try await check.require(.logsRead, on: .job(job), rights)
        }
    }

    /// Every join asks again.
    private func currentRights() async -> Rights? {
        guard let account = try? await dependencies.access.user(of: credential) else { return nil }
        return try? await dependencies.rights.rights(of: account)
    }

    private func forget(_ channel: RealtimeChannel) {
        state.withLock { state in
            if state.channels[channel.topic] === channel { state.channels[channel.topic] = nil }
        }
    }

    // MARK: - Tokens

    /// Takes a new token for the session. Without one, or with Supabase's own kind of key, nothing changes.
    private func accepts(_ token: String?) async -> Bool {
        guard let token, !token.isEmpty, !token.hasPrefix("sb_") else { return true }
        let credential = Credential.token(token)
        guard credential != self.credential else { return true }
        guard let account = try? await dependencies.access.user(of: credential), !account.name.isEmpty else {
            return false
        }
        state.withLock { $0.credential = credential }
        return true
    }

    private func renew(_ token: String?, of channel: RealtimeChannel) async {
        let before = credential
        if await !accepts(token) {
            channel.close("The access token is not valid")
        } else if credential != before {
            channel.saySubscribed()
        }
    }
}
