internal import Dispatch
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// Ends what a connection is doing, from any thread.
///
/// `PQcancel` blocks and may reach the server after the statement it was meant for. So it runs on a thread of its own,
/// and whoever uses the connection waits for its return (``settle(within:)``) before the next statement.
final class Canceler: @unchecked Sendable {
    private let libpq: Libpq
    private let cancel: Libpq.Cancel
    private let state: Mutex<State>
    private let requests = DispatchGroup()

    private struct State {
        /// Whether a statement that may be canceled is under way.
        var isArmed = false
        var socket: Int32?
    }

    init(_ cancel: Libpq.Cancel, socket: Int32, _ libpq: Libpq) {
        self.cancel = cancel
        self.libpq = libpq
        state = Mutex(State(socket: socket))
    }

    deinit { libpq.freeCancel(cancel) }

    /// From now on ``cancelStatement()`` does something.
    func arm() { state.withLock { $0.isArmed = true } }

    /// Asks the server to end the statement under way.
    func cancelStatement() {
        state.withLock { state in
            guard state.isArmed else { return }
            state.isArmed = false
            requests.enter()
            DispatchQueue.global().async { [self] in
                var message = [CChar](repeating: 0, count: 256)
                _ = libpq.cancel(cancel, &message, 256)
                requests.leave()
            }
        }
    }

    /// Waits until no request is under way any more; false where that takes too long.
    func settle(within seconds: Double) -> Bool {
        state.withLock { $0.isArmed = false }
        return requests.wait(timeout: .now() + seconds) == .success
    }

    /// Frees a thread that waits for the server. The connection is lost with it.
    func shutDownSocket() {
        state.withLock { state in
            guard let socket = state.socket else { return }
            shutdown(socket, Int32(SHUT_RDWR))
        }
    }

    /// The connection is about to be closed: its socket's number may soon be another's.
    func retire() {
        state.withLock { state in
            state.isArmed = false
            state.socket = nil
        }
    }
}
