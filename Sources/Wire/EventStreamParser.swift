/// Parses Server-Sent Events incrementally (WHATWG HTML, section 9.2). Pure; the agent's and the command line's.
public struct EventStreamParser: Sendable {
    /// One event.
    public struct Event: Hashable, Sendable {
        public var name: String
        public var data: String

        public init(name: String, data: String) {
            self.name = name
            self.data = data
        }
    }

    private let lineLimit: Int

    private var line: [UInt8] = []
    private var lastWasReturn = false
    private var overlong = false
    private var name = ""
    private var data: [String] = []

    /// - Parameter lineLimit: bytes of a line; longer lines are ignored.
    public init(lineLimit: Int = 64 << 10) { self.lineLimit = lineLimit }

    /// Takes the next bytes, and returns the events that they complete.
    public mutating func take(_ bytes: some Sequence<UInt8>) -> [Event] {
        var events: [Event] = []
        for byte in bytes {
            defer { lastWasReturn = byte == UInt8(ascii: "\r") }
            switch byte {
            case UInt8(ascii: "\n") where lastWasReturn: break
            case UInt8(ascii: "\n"), UInt8(ascii: "\r"):
                if let event = endLine() { events.append(event) }
            default:
                if line.count < lineLimit { line.append(byte) } else { overlong = true }
            }
        }
        return events
    }

    private mutating func endLine() -> Event? {
        defer {
            line.removeAll(keepingCapacity: true)
            overlong = false
        }
        guard !overlong else { return nil }
        guard !line.isEmpty else { return dispatch() }
        let text = String(decoding: line, as: UTF8.self)
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        var value = parts.count > 1 ? parts[1] : ""
        if value.first == " " { value.removeFirst() }
        switch parts[0] {
        case "event": name = String(value)
        case "data": data.append(String(value))
        default: break
        }
        return nil
    }

    private mutating func dispatch() -> Event? {
        defer {
            name = ""
            data = []
        }
        guard !data.isEmpty else { return nil }
        return Event(name: name.isEmpty ? "message" : name, data: data.joined(separator: "\n"))
    }
}
