internal import NIOCore
internal import Synchronization

/// Counts the open connections, and turns away those that are too many.
final class ConnectionCount: Sendable {
    private struct State {
        var open = 0
        var turnedAway = 0
    }

    private let limits: ConnectionLimits
    private let state = Mutex(State())

    private static let goodbye = TimeAmount.seconds(1)

    init(limits: ConnectionLimits) { self.limits = limits }

    /// Counts `channel` until it closes. - Returns: false for one too many.
    func admit(_ channel: any Channel) -> Bool {
        let isAdmitted = state.withLock { state in
            guard state.open < limits.connections else { return false }
            state.open += 1
            return true
        }
        if isAdmitted { channel.closeFuture.whenComplete { _ in self.state.withLock { $0.open -= 1 } } }
        return isAdmitted
    }

    /// Answers 503 to any request of `channel`, and closes it. On its event loop.
    func turnAway(_ channel: any Channel) {
        let isTold = state.withLock { state in
            guard state.turnedAway < limits.refusals else { return false }
            state.turnedAway += 1
            return true
        }
        guard isTold else { return channel.close(promise: nil) }
        channel.closeFuture.whenComplete { _ in self.state.withLock { $0.turnedAway -= 1 } }
        let body = #"{"error":"The server has as many connections as it can hold. Try again in a moment."}"#
        let answer =
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json; charset=utf-8\r\n"
            + "Content-Length: \(body.utf8.count)\r\nRetry-After: 1\r\nConnection: close\r\n\r\n\(body)"
        channel.writeAndFlush(ByteBuffer(string: answer)).whenComplete { _ in
            channel.close(mode: .output, promise: nil)
        }
        // What is asked is read and dropped meanwhile: closing at once would take the answer with it.
        channel.eventLoop.scheduleTask(in: Self.goodbye) { channel.close(promise: nil) }
    }
}
