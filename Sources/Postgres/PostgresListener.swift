internal import Foundation
internal import Synchronization

/// Hears what other sessions send with NOTIFY on one channel, on a connection and a thread of its own. Connects again
/// whenever the connection is lost.
public final class PostgresListener: Sendable {
    public enum Event: Sendable {
        /// From now on everything is heard. What was sent before may have been missed.
        case connected
        case notification(String)
        /// The connection was lost, or could not be opened.
        case lost
    }

    private struct State {
        var canceler: Canceler?
        var isClosed = false
    }

    private let settings: PostgresSettings
    private let channel: String
    private let state = Mutex(State())
    private let observer: @Sendable (Event) -> Void

    private static let retry = Duration.milliseconds(100)
    private static let longestRetry = Duration.seconds(2)
    /// How long one wait lasts; it ends early for a notification.
    private static let wait = Duration.seconds(60)

    /// - Parameters:
    ///   - channel: lower-case letters, digits and underscores.
    ///   - observer: called on the listener's thread; it must not block.
    public init(_ settings: PostgresSettings, channel: String, observer: @escaping @Sendable (Event) -> Void) {
        precondition(channel.allSatisfy { $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "_") })
        self.settings = settings
        self.channel = channel
        self.observer = observer
    }

    /// Begins to listen. Call once.
    public func start() {
        let thread = Thread { self.run() }
        thread.name = "vintner.listen"
        thread.start()
    }

    /// Ends the connection and opens another one: this one seems to hear nothing.
    public func reconnect() { state.withLock { $0.canceler }?.shutDownSocket() }

    /// Stops listening. The thread ends soon.
    public func close() {
        let canceler = state.withLock { state in
            state.isClosed = true
            return state.canceler
        }
        canceler?.shutDownSocket()
    }

    private var isClosed: Bool { state.withLock(\.isClosed) }

    private func run() {
        var delay = Self.retry
        while !isClosed {
            let began = ContinuousClock.now
            try? listen()
            state.withLock { $0.canceler = nil }
            guard !isClosed else { return }
            observer(.lost)
            if ContinuousClock.now - began > .seconds(10) { delay = Self.retry }
            Thread.sleep(forTimeInterval: Double(delay.milliseconds) / 1000)
            delay = min(delay * 2, Self.longestRetry)
        }
    }

    private func listen() throws {
        let connection = try PostgresConnection(settings)
        let isWanted = state.withLock { state in
            state.canceler = connection.canceler
            return !state.isClosed
        }
        guard isWanted else { return }
        try connection.query("LISTEN \(channel)", [])
        observer(.connected)
        while !isClosed {
            for text in try connection.notifications(within: Self.wait) { observer(.notification(text)) }
        }
    }
}
