public import NIOCore

/// A whole message of the peer (RFC 6455, section 5.6), put together from its fragments.
public enum WebSocketMessage: Sendable, Equatable {
    /// A text message; its UTF-8 has been checked.
    case text(String)
    /// A binary message.
    case binary(ByteBuffer)
}
