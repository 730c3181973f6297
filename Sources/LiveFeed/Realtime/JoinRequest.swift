public import Domain

/// The relevant part of a `phx_join` payload.
public struct JoinRequest: Sendable {
    public let bindings: [BindingRequest]
    public let accessToken: String?

    /// Bindings of one channel.
    public static let maxBindings = 100

    /// - Throws: ``BindingError`` for a payload of another shape.
    public init(_ payload: JSONValue) throws(BindingError) {
        accessToken = payload["access_token"]?.stringValue
        switch payload["config"]?["postgres_changes"] {
        case nil, .null: bindings = []
        case .array(let items):
            guard items.count <= Self.maxBindings else {
                throw BindingError("a channel has at most \(Self.maxBindings) bindings")
            }
            var bindings: [BindingRequest] = []
            for item in items { bindings.append(try BindingRequest(item)) }
            self.bindings = bindings
        default: throw BindingError("config.postgres_changes is a list")
        }
    }
}

/// A requested binding.
public struct BindingRequest: Hashable, Sendable {
    let event: String
    let schema: String
    let table: String?
    let filter: String?
    let select: [String]?
    /// Echoed in the reply; clients compare it with their request.
    private let sent: [String: JSONValue]

    init(_ value: JSONValue) throws(BindingError) {
        guard case .object(let sent) = value else { throw BindingError("a binding is an object") }
        self.sent = sent
        event = sent["event"]?.stringValue?.uppercased() ?? ""
        schema = sent["schema"]?.stringValue ?? "public"
        table = sent["table"]?.stringValue
        filter = sent["filter"]?.stringValue
        switch sent["select"] {
        case nil, .null: select = nil
        case .array(let names):
            let columns = names.compactMap(\.stringValue)
            guard columns.count == names.count else { throw BindingError("select is a list of column names") }
            select = columns
        default: throw BindingError("select is a list of column names")
        }
    }

    /// A number that equal bindings share (FNV-1a over what they ask for), from 1 to 2²⁷: exact in every client.
    var id: Int64 {
        let key = [event, schema, table ?? "*", filter ?? ""] + (select ?? ["*"])
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in key.joined(separator: "\u{1F}").utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        return Int64(hash % (1 << 27)) + 1
    }

    /// The binding for the join's reply. - Parameter seq: where the log ends, for bindings of logs.
    public func echo(seq: Int64?) -> JSONValue {
        var echo = sent.filter { ["event", "schema", "table", "filter", "select"].contains($0.key) }
        echo["id"] = .integer(id)
        if let seq { echo["seq"] = .integer(seq) }
        return .object(echo)
    }
}
