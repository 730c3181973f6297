internal import NIOCore
internal import Synchronization

/// Carries messages from the event loop to the one task that takes them, and applies back pressure when they pile up.
final class MessageQueue: Sendable {
    private struct State {
        var messages = CircularBuffer<WebSocketMessage>(initialCapacity: 1)
        var taker: CheckedContinuation<WebSocketMessage?, Never>?
        /// The loop has stopped reading until there is room.
        var isHeldUp = false
        var hasEnded = false
        /// Called once, when the consumer has found the end.
        var whenDrained: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())
    private let limit: Int
    private let hasRoom: @Sendable () -> Void

    /// - Parameters:
    ///   - limit: messages that may wait.
    ///   - hasRoom: called after ``add(_:)`` said false, once half of the messages have been taken.
    init(limit: Int, hasRoom: @escaping @Sendable () -> Void) {
        self.limit = max(1, limit)
        self.hasRoom = hasRoom
    }

    /// Adds a message.
    ///
    /// - Returns: false where no further one should be added before there is room.
    func add(_ message: WebSocketMessage) -> Bool {
        let (taker, goesOn): (CheckedContinuation<WebSocketMessage?, Never>?, Bool) = state.withLock { state in
            if state.hasEnded { return (nil, true) }
            if let taker = state.taker {
                state.taker = nil
                return (taker, true)
            }
            state.messages.append(message)
            state.isHeldUp = state.messages.count >= limit
            return (nil, !state.isHeldUp)
        }
        taker?.resume(returning: message)
        return goesOn
    }

    /// No more messages come; those that wait can still be taken.
    ///
    /// - Parameter whenDrained: called once the consumer asks for another message and there is none: it is then done with
    ///   all that came before. Not called where it never asks.
    func end(whenDrained: (@Sendable () -> Void)? = nil) {
        let taker = state.withLock { state in
            state.hasEnded = true
            if state.taker == nil { state.whenDrained = whenDrained }
            return state.taker.take()
        }
        guard let taker else { return }
        taker.resume(returning: nil)
        whenDrained?()
    }

    /// What a consumer gets that asks for a message.
    private enum Answer {
        case message(WebSocketMessage, makesRoom: Bool)
        case end((@Sendable () -> Void)?)
        case wait
    }

    /// Waits for the next message; `nil` after the last one, and where the task is cancelled.
    func next() async -> WebSocketMessage? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                switch state.withLock({ Self.answer(continuation, &$0, limit: limit) }) {
                case .message(let message, let makesRoom):
                    if makesRoom { hasRoom() }
                    continuation.resume(returning: message)
                case .end(let whenDrained):
                    whenDrained?()
                    continuation.resume(returning: nil)
                case .wait: break
                }
            }
        } onCancel: {
            let taker = state.withLock { $0.taker.take() }
            taker?.resume(returning: nil)
        }
    }

    private static func answer(
        _ taker: CheckedContinuation<WebSocketMessage?, Never>, _ state: inout State, limit: Int
    ) -> Answer {
        if let message = state.messages.popFirst() {
            let makesRoom = state.isHeldUp && state.messages.count <= limit / 2
            if makesRoom { state.isHeldUp = false }
            return .message(message, makesRoom: makesRoom)
        }
        if state.hasEnded || Task.isCancelled { return .end(state.whenDrained.take()) }
        precondition(state.taker == nil, "the messages of a WebSocket have one consumer")
        state.taker = taker
        return .wait
    }
}
