public import NIOCore

/// One event of `text/event-stream` (WHATWG HTML, section 9.2).
public struct ServerSentEvent: Sendable {
    public var name: String
    /// What a client sends back as `Last-Event-ID`.
    public var id: String?
    /// One line of JSON; a line feed in it would end the field.
    public var data: String

    public init(name: String, id: String? = nil, data: String) {
        self.name = name
        self.id = id
        self.data = data
    }

    /// Adds the event's bytes to `buffer`.
    public func write(to buffer: inout ByteBuffer) {
        buffer.writeString("event: ")
        buffer.writeString(name)
        if let id {
            buffer.writeString("\nid: ")
            buffer.writeString(id)
        }
        for line in data.split(separator: "\n", omittingEmptySubsequences: false) {
            buffer.writeString("\ndata: ")
            buffer.writeSubstring(line)
        }
        buffer.writeString("\n\n")
    }

    /// A comment: keeps proxies from cutting an idle connection, and detects a disconnected reader.
    public static let heartbeat = ByteBuffer(string: ": still here\n\n")
}
