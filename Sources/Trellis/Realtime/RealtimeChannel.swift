internal import Domain
internal import LiveFeed
internal import NIOCore
internal import Synchronization
internal import WebSocket

/// A joined topic: its bindings, and a cursor for each log that they name and one for rows of the other tables.
final class RealtimeChannel: Sendable {
    var topic: String { join.topic }
    var joinRef: String? { join.joinRef ?? join.ref }

    private struct State {
        var deliveries: [RowSender] = []
        var hasEnded = false
        var jobs: Set<JobID> = []
        var onEnd: @Sendable () -> Void = {}
    }

    private let join: RealtimeMessage
    private let version: RealtimeVersion
    private let connection: WebSocketConnection
    private let feeds: Feeds
    private let filters: FilterQueue
    private let burst: Int
    private let isVisible: @Sendable (FeedRow) -> Bool
    private let state = Mutex(State())

    init(
        _ join: RealtimeMessage, version: RealtimeVersion, connection: WebSocketConnection, feeds: Feeds,
        filters: FilterQueue, burst: Int, isVisible: @escaping @Sendable (FeedRow) -> Bool
    ) {
        self.join = join
        self.version = version
        self.connection = connection
        self.feeds = feeds
        self.filters = filters
        self.burst = burst
        self.isVisible = isVisible
    }

    /// The jobs whose logs it follows.
    var jobs: Set<JobID> { state.withLock(\.jobs) }

    /// Called once, when the channel ends by itself.
    func onEnd(_ body: @escaping @Sendable () -> Void) {
        state.withLock { $0.onEnd = body }
    }

    /// Creates the cursors, replies to the join, confirms it, and starts delivery.
    ///
    /// - Parameter requireLog: throws if the log of a job may not be read.
    func start(_ requests: [BindingRequest], requireLog: (JobID) async throws -> Void) async {
        var ends: [JobID: Int64] = [:]
        var problem: String?
        var bindings: [ChangeBinding] = []
        do {
            bindings = try ChangeBinding.all(requests)
            let followed = Set(bindings.flatMap(\.jobs))
            for job in followed { try await requireLog(job) }
            state.withLock { $0.jobs = followed }
            ends = try await place(bindings)
        } catch let error as BindingError {
            problem = error.message
        } catch let refusal as Refusal {
            problem = refusal.reason
        } catch {
            problem = "the database is unavailable; join again"
        }
        let echoes = requests.enumerated().map { index, request in
            request.echo(seq: problem == nil && bindings[index].jobs.count == 1 ? ends[bindings[index].jobs[0]] : nil)
        }
        send(.reply(to: join, ok: requests.isEmpty ? .object([:]) : ["postgres_changes": .array(echoes)]))
        if let problem {
            // Like Supabase, accept the join and send only this error; clients rejoin later.
            end(problem)
        } else if !requests.isEmpty {
            saySubscribed()
            for delivery in state.withLock(\.deliveries) { delivery.start() }
        }
    }

    /// - Returns: where each followed log ended when its cursor was placed.
    private func place(_ bindings: [ChangeBinding]) async throws -> [JobID: Int64] {
        var ends: [JobID: Int64] = [:]
        let ofLogs = bindings.filter { $0.table == .logs && $0.wantsInserts }
        for job in Set(ofLogs.flatMap(\.jobs)) {
            let wanted = ofLogs.filter { $0.jobs.contains(job) }
            let delivery = rowSender()
            let reader = try await feeds.logs.follow(
                job, from: { end in wanted.map { $0.after ?? end }.min() ?? end }, wake: { delivery.wake() })
            let selection = SubscriptionFilter(
                topic: topic, version: version, bindings: wanted.map { ($0, $0.after ?? reader.end) })
            delivery.follow(LogDeliverySource(reader: reader, selection: selection))
            ends[job] = reader.end
            keep(delivery)
        }
        let ofRows = bindings.filter { $0.table != .logs }
        if !ofRows.isEmpty {
            let delivery = rowSender()
            let reader = feeds.rows.follow { delivery.wake() }
            let selection = SubscriptionFilter(
                topic: topic, version: version, bindings: ofRows.map { ($0, 0) }, isVisible: isVisible)
            delivery.follow(
                RowDeliverySource(reader: reader, selection: selection) { [weak self] in self?.fail() })
            keep(delivery)
        }
        return ends
    }

    private func rowSender() -> RowSender {
        RowSender(connection: connection, filters: filters, burst: burst) { [weak self] failure in
            switch failure {
            case .tooExpensive:
                self?.close("The filters of this channel take too long. Use fewer or simpler conditions.")
            case .damaged:
                self?.close("The stored log is damaged from here on: it can't be read.")
            }
        }
    }

    private func keep(_ delivery: RowSender) {
        let hasEnded = state.withLock { state in
            if !state.hasEnded { state.deliveries.append(delivery) }
            return state.hasEnded
        }
        if hasEnded { delivery.stop() }
    }

    /// Delivers what there is; called on the connection's event loop when it has become writable.
    func sendAvailable() {
        for delivery in state.withLock(\.deliveries) { delivery.sendAvailable() }
    }

    // MARK: - The end

    /// Removes the cursors silently.
    func stop() {
        let deliveries = state.withLock { state in
            defer { state.deliveries = [] }
            state.hasEnded = true
            return state.deliveries
        }
        for delivery in deliveries { delivery.stop() }
    }

    /// Changes were lost. Reports it, and clients rejoin.
    private func fail() {
        let reason = "Changes came faster than they were read. Join again and read the tables again."
        end(reason, with: .failure(topic, joinRef: joinRef, reason))
    }

    /// Closes the channel with a reason.
    func close(_ reason: String) {
        end(reason, extension: "system", with: .close(topic, joinRef: joinRef))
    }

    private func end(_ reason: String, extension part: String = "postgres_changes", with last: RealtimeMessage? = nil) {
        stop()
        say(isFine: false, extension: part, reason)
        if let last { send(last) }
        state.withLock(\.onEnd)()
    }

    func say(isFine: Bool, extension part: String = "postgres_changes", _ message: String) {
        send(.system(topic, joinRef: joinRef, isFine: isFine, extension: part, message))
    }

    /// Everything that is committed from now on will be delivered.
    func saySubscribed() { say(isFine: true, "Subscribed to PostgreSQL") }

    private func send(_ message: RealtimeMessage) { connection.send([message.encoded(version)]) }
}
