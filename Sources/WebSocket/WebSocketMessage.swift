public import NIOCore

/// A whole message of the peer (RFC 6455, section 5.6), put together from its fragments.
public enum WebSocketMessage: Sendable, Equatable {
    /// A text message; its UTF-8 has been checked.
    case text(String)
    /// A binary message.
    case binary(ByteBuffer)
}

/// The messages of a connection, in the order in which they were sent.
///
/// For one consumer. Ends when either side closes the connection; messages received before can still be taken. Ends early
/// where the consuming task is cancelled.
public struct WebSocketMessages: AsyncSequence, Sendable {
    let queue: MessageQueue

    /// Takes one message after the other.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let queue: MessageQueue

        /// The next message; `nil` at the end.
        public mutating func next() async -> WebSocketMessage? { await queue.next() }

        /// The next message; `nil` at the end.
        public mutating func next(isolation actor: isolated (any Actor)?) async -> WebSocketMessage? {
            await queue.next()
        }
    }

    /// Starts iterating; a later iterator continues.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(queue: queue) }
}
