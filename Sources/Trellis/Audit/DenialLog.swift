internal import Domain
internal import Logging
internal import Storage
internal import Synchronization

/// Records what was denied, or failed for want of a credential. The first of one kind by one actor is recorded at once;
/// the rest of that minute is one event with a count, so that nobody can fill the database by being refused.
final class DenialLog: Sendable {
    private struct Kind: Hashable {
        var actor: AuditActor.Kind
        var name: String
        /// For somebody who is not known.
        var address: String?
        var action: AuditAction
        var outcome: AuditEvent.Outcome
    }

    fileprivate struct Window {
        var began: Timestamp
        /// Denials after the recorded one, and the last of them.
        var count = 0
        var last: AuditEvent
    }

    /// How long a window is, in milliseconds.
    static let window: Int64 = 60_000
    /// Kinds in one window. More are counted together.
    static let maximumKinds = 1000
    static let interval = Duration.seconds(5)

    private let store: any AuditStore
    private let ambient: SystemDependencies
    private let windows = Mutex<[Kind: Window]>([:])

    init(store: any AuditStore, ambient: SystemDependencies) {
        self.store = store
        self.ambient = ambient
    }

    /// Records `event`, at once or as one of several.
    func record(_ event: AuditEvent) async throws {
        var event = event
        let isUnknown = event.actor.id == nil && event.actor.name == AuditActor.unknown.name
        var kind = Kind(
            actor: event.actor.kind, name: event.actor.name, address: isUnknown ? event.address : nil,
            action: event.action, outcome: event.outcome)
        let due = windows.withLock { [ambient] windows -> [AuditEvent] in
            if windows[kind] == nil, windows.count >= Self.maximumKinds {
                kind = Kind(actor: .user, name: "", action: .request, outcome: event.outcome)
                event.actor = AuditActor(kind: .user, name: "several")
            }
            guard var window = windows[kind], !window.hasEnded(at: event.at) else {
                let summary = windows[kind].flatMap { $0.summary(ambient) }
                windows[kind] = Window(began: event.at, last: event)
                return [summary, event].compactMap(\.self)
            }
            window.count += 1
            window.last = event
            windows[kind] = window
            return []
        }
        for event in due { try await store.record(event) }
    }

    /// Records the counts of windows that have ended; of all, if `isLast`.
    func flush(isLast: Bool = false) async throws {
        let now = ambient.now()
        let due = windows.withLock { windows in
            let ended = windows.filter { isLast || $0.value.hasEnded(at: now) }
            for kind in ended.keys { windows[kind] = nil }
            return ended.values.compactMap { $0.summary(ambient) }
        }
        for event in due { try await store.record(event) }
    }

    /// What records the counts. Every node does that for itself.
    func periodic(logger: Logger) -> Periodic {
        Periodic(name: "denials", interval: Self.interval, logger: logger) { [self] _ in try await flush() }
    }
}

extension DenialLog.Window {
    fileprivate func hasEnded(at now: Timestamp) -> Bool { now.milliseconds(since: began) >= DenialLog.window }

    /// One event for those that were counted; nil if there were none.
    fileprivate func summary(_ ambient: SystemDependencies) -> AuditEvent? {
        guard count > 0 else { return nil }
        var event = last
        event.id = ambient.makeID()
        event.changes["count"] = .integer(Int64(count))
        event.changes["since"] = .string(began.description)
        return event
    }
}
