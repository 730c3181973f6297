public import Domain
internal import Foundation
public import Postgres
public import Storage
internal import Synchronization

/// One node among those that share a database: carries changes between them, and decides who has which duty.
///
/// What a commit changes is found in the database by polling. Hints (NOTIFY, sent after the commit on a connection of
/// their own) only make others look sooner, so a lost hint delays a change by a poll and loses nothing. See
/// docs/decisions/0021-several-nodes.md.
public final class PostgresNodes: Sendable {
    /// How often the database is asked, and how often a node says that it lives.
    struct Pace: Sendable {
        /// While hints arrive.
        var poll = Duration.seconds(1)
        /// While they don't, and other nodes live.
        var fastPoll = Duration.milliseconds(250)
        var beat = Duration.seconds(5)
        /// Without an own hint for this long, hints count as lost.
        var deafness = Duration.seconds(12)
    }

    private struct State {
        var cursor: ChangeCursor
        var hints: HintCoalescer
        var duties = HeldDuties()
        var others = 0
        /// When a hint of this node's own came back; nil while none does.
        var heard: ContinuousClock.Instant?
        var reconnected = ContinuousClock.now
        var beaten: ContinuousClock.Instant?
        /// Whether the next poll asks for the ends of followed logs: not each time that a hint asks for a poll.
        var wantsLogs = true
        var isClosed = false
        var tasks: [Task<Void, Never>] = []
        var listener: PostgresListener?
    }

    /// Identifies this node until it ends.
    public let id: String
    private let pool: PostgresPool
    private let pace: Pace
    private let state: Mutex<State>
    private let look: (stream: AsyncStream<Void>, continuation: AsyncStream<Void>.Continuation)
    private let observers = LocalChangeBus()

    public convenience init(_ settings: PostgresSettings) { self.init(settings, pace: Pace()) }

    init(_ settings: PostgresSettings, pace: Pace) {
        let id = UUID().uuidString.lowercased()
        var own = settings
        own.applicationName = "vintner-nodes"
        // Hints, polls and duties: none waits long for another.
        own.maxConnections = 2
        (own.statementTimeout, own.lockTimeout) = (.seconds(5), .seconds(3))
        (own.exchangeTimeout, own.callTimeout) = (.seconds(6), .seconds(8))
        self.id = id
        self.pace = pace
        pool = PostgresPool(own)
        state = Mutex(State(cursor: ChangeCursor(node: id), hints: HintCoalescer(node: id)))
        look = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    // MARK: - Life

    /// Joins the other nodes. The store must be open: it makes the tables.
    ///
    /// - Parameter followed: the logs that somebody follows here.
    public func start(followed: @escaping @Sendable () -> [JobID]) async throws {
        do {
            try await beat()
            // From here on, nothing is missed.
            try await poll(followed())
            if !pool.settings.isPooled {
                let channel = try await channel()
                let listener = PostgresListener(pool.settings, channel: channel) { [weak self] event in
                    self?.take(event)
                }
                state.withLock { $0.listener = listener }
                listener.start()
            }
        } catch {
            throw StorageError.mapped(error)
        }
        let polling = Task { [weak self, look] in
            for await _ in look.stream {
                try? await self?.poll(followed())
            }
        }
        let timing = Task { [weak self] in
            while !Task.isCancelled, let pause = self?.pause {
                try? await Task.sleep(for: pause)
                await self?.tick()
            }
        }
        state.withLock { $0.tasks = [polling, timing] }
    }

    /// Leaves: another node has its duties at once.
    public func close() async {
        let (tasks, listener) = state.withLock { state in
            state.isClosed = true
            defer { state.tasks = [] }
            return (state.tasks, state.listener)
        }
        look.continuation.finish()
        for task in tasks { task.cancel() }
        listener?.close()
        try? await pool.write(within: .seconds(2)) { [id] db in NodeRows.leave(id, db) }
        await pool.close()
    }

    // MARK: - Time

    private var isDeaf: Bool {
        state.withLock { state in
            guard let heard = state.heard else { return true }
            return ContinuousClock.now - heard > pace.deafness
        }
    }

    private var pause: Duration { hasOthers && isDeaf ? pace.fastPoll : pace.poll }

    /// Whether other nodes live, as far as this one knows.
    var hasOthers: Bool { state.withLock { $0.others > 0 } }

    /// Whether hints arrive.
    var hears: Bool { state.withLock { $0.heard != nil } }

    private func tick() async {
        lookAtLogs()
        look.continuation.yield()
        let now = ContinuousClock.now
        let (isDue, deaf) = state.withLock { state in
            let isDue = state.beaten.map { now - $0 >= pace.beat } ?? true
            let isDeaf =
                state.others > 0 && now - (state.heard ?? state.reconnected) > pace.deafness
                && now - state.reconnected > pace.deafness
            if isDeaf { state.reconnected = now }
            return (isDue, isDeaf ? state.listener : nil)
        }
        deaf?.reconnect()
        guard isDue else { return }
        try? await beat()
    }

    private func beat() async throws {
        let started = ContinuousClock.now
        try await pool.write { [id] db in try NodeRows.beat(id, db) }
        state.withLock { state in
            state.beaten = started
            if state.others > 0 { state.hints.addProbe() }
        }
        send()
    }

    // MARK: - Polling

    private func poll(_ followed: [JobID]) async throws {
        let started = ContinuousClock.now
        let (next, wantsLogs) = state.withLock { state in
            defer { state.wantsLogs = false }
            return (state.cursor.isFresh(at: started) ? state.cursor.next : nil, state.wantsLogs)
        }
        let logs = wantsLogs ? followed : []
        let news: NodeRows.News
        do {
            news = try await pool.readOnce { [id] db in try NodeRows.news(for: id, from: next, followed: logs, db) }
        } catch {
            if wantsLogs { lookAtLogs() }
            throw error
        }
        let changes = state.withLock { state in
            // The first hint says that this node is there.
            if state.others == 0, news.others > 0 { state.hints.addProbe() }
            state.others = news.others
            return state.cursor.take(news.rows, horizon: news.horizon, at: started)
        }
        let growth = news.heads.map { StoreChange.log($0.job, seq: $0.seq) }
        if !changes.isEmpty || !growth.isEmpty { observers.publish(changes + growth) }
        send()
    }

    private func lookAtLogs() { state.withLock { $0.wantsLogs = true } }

    // MARK: - Hints

    private static let prefix = "vintner_"

    /// The channel of this installation: others may be in other schemas of the database.
    private func channel() async throws -> String {
        let schema = try await pool.readOnce { db in
            try db.row("SELECT oid::bigint AS id FROM pg_namespace WHERE nspname = current_schema()")?.integer("id")
        }
        return Self.prefix + "\(schema ?? 0)"
    }

    private func take(_ event: PostgresListener.Event) {
        switch event {
        case .connected:
            // What was sent before was not heard; and a hint of our own shows that hints arrive.
            state.withLock { state in
                state.reconnected = .now
                state.wantsLogs = true
                state.hints.addProbe()
            }
            send()
            look.continuation.yield()
        case .lost: state.withLock { $0.heard = nil }
        case .notification(let text):
            guard let hint = Hint(text) else { return }
            guard hint.node != id else { return state.withLock { $0.heard = .now } }
            let isNew = state.withLock { state in
                defer { state.others = max(1, state.others) }
                return state.others == 0
            }
            if !hint.changes.isEmpty { observers.publish(hint.changes) }
            if hint.hasStoredChanges || isNew { look.continuation.yield() }
        }
    }

    /// Sends what waits, if nobody does that already. Never blocks.
    private func send() {
        guard !pool.settings.isPooled else { return }
        let pause = state.withLock { $0.isClosed ? nil : $0.hints.begin(at: .now) }
        guard let pause else { return }
        Task {
            var pause = pause
            while true {
                if pause > .zero { try? await Task.sleep(for: pause) }
                let next = state.withLock { state -> (Hint, Duration)? in
                    guard let hint = state.hints.next(at: .now) else { return nil }
                    return (hint, state.hints.pause(at: .now))
                }
                guard let (hint, rest) = next else { return }
                pause = rest
                // Where it fails, others find what it says by polling.
                try? await notify(hint)
            }
        }
    }

    private func notify(_ hint: Hint) async throws {
        try await pool.readOnce { db in
            _ = try db.query(
                """
                SELECT set_config('synchronous_commit', 'off', true), pg_notify(
                    '\(Self.prefix)' || (SELECT oid FROM pg_namespace WHERE nspname = current_schema()), $1)
                """, [.text(hint.text)])
        }
    }
}

extension PostgresNodes: ChangeBus {
    public func publish(_ changes: [StoreChange]) {
        observers.publish(changes)
        let isWanted = state.withLock { state in
            guard state.others > 0 else { return false }
            state.hints.add(changes)
            return true
        }
        if isWanted { send() }
    }

    public func subscribe(_ observer: @escaping ChangeObserver) { observers.subscribe(observer) }
}

extension PostgresNodes {
    /// The term under which this node may perform `duty` now; nil while another node has it.
    public func term(of duty: String) async throws -> Int64? {
        let asked = ContinuousClock.now
        switch state.withLock({ $0.duties.answer(duty, at: asked) }) {
        case .held(let term): return term
        case .elsewhere: return nil
        case .ask: break
        }
        do {
            let isFree = try await pool.readOnce { [id] db in try NodeRows.isFree(duty, for: id, db) }
            let term = isFree ? try await pool.write { [id] db in try NodeRows.take(duty, for: id, db) } : nil
            return state.withLock { $0.duties.take(duty, term: term, asked: asked, at: .now) }
        } catch {
            if let term = state.withLock({ $0.duties.answerWithoutDatabase(duty, at: .now) }) { return term }
            throw StorageError.mapped(error)
        }
    }
}
