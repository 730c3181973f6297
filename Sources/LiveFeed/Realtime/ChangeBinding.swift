public import Domain

/// One entry of `config.postgres_changes` in a join: the changes of a table that a client subscribes to.
public struct ChangeBinding: Hashable, Sendable {
    /// Included in each message that it matched. Equal bindings share it; never 0.
    public let id: Int64
    public let table: FeedTable
    /// The jobs whose logs it asks for, in the order of the filter; empty for other tables.
    public let jobs: [JobID]
    /// Rows after this `seq`; nil for those that come after the join.
    public let after: Int64?
    /// Only these columns; nil for all.
    public let columns: [String]?

    /// nil for every event.
    private let event: RowEvent?
    private let filter: RowFilter

    /// Whether it asks for this row.
    public func matches(_ row: FeedRow) -> Bool {
        guard row.table == table, event == nil || event == row.event else { return false }
        return filter.conditions.isEmpty || filter.passes(row.columns)
    }

    /// Whether rows must be looked into to know: work that an event loop has no time for.
    public var isFiltered: Bool { !filter.conditions.isEmpty }

    /// True if it may ask for new rows of logs.
    public var wantsInserts: Bool { event == nil || event == .insert }
}

extension ChangeBinding {
    /// Conditions with a pattern (`like`, `ilike`) in all bindings of a channel.
    public static let maxPatterns = 16

    /// The bindings of one channel. - Throws: ``BindingError`` for one that can't be served, and for too many patterns.
    public static func all(_ requests: [BindingRequest]) throws(BindingError) -> [ChangeBinding] {
        var bindings: [ChangeBinding] = []
        for request in requests { bindings.append(try ChangeBinding(request)) }
        guard bindings.reduce(0, { $0 + $1.filter.patternCount }) <= maxPatterns else {
            throw BindingError("a channel has at most \(maxPatterns) conditions with like or ilike")
        }
        return bindings
    }

    /// - Throws: ``BindingError`` with what is wrong, for the `system` message that follows the join.
    public init(_ request: BindingRequest) throws(BindingError) {
        guard request.schema == "public" || request.schema == "*" else {
            throw BindingError("schema \(request.schema) is not available; use public")
        }
        guard let name = request.table, let table = FeedTable(rawValue: name) else {
            throw BindingError(
                "specify a table: " + FeedTable.allCases.map(\.rawValue).joined(separator: ", "))
        }
        if request.event == "*" {
            event = nil
        } else if let event = RowEvent(rawValue: request.event) {
            self.event = event
        } else {
            throw BindingError("the event is INSERT, UPDATE, DELETE or *")
        }
        for column in request.select ?? [] where !table.columns.contains(where: { $0.name == column }) {
            throw BindingError("invalid column for select \(column)")
        }
        var filter: RowFilter
        do { filter = try RowFilter(request.filter ?? "", of: table) } catch { throw BindingError(error.message) }
        id = request.id
        self.table = table
        columns = request.select
        if table == .logs {
            jobs = try filter.takeJobs()
            after = filter.takeStart()
        } else {
            jobs = []
            after = nil
        }
        self.filter = filter
    }
}

/// Why a binding can't be served.
public struct BindingError: Error, Hashable {
    public var message: String

    init(_ message: String) { self.message = message }
}

extension RowFilter {
    /// Extracts the job condition from the filter.
    fileprivate mutating func takeJobs() throws(BindingError) -> [JobID] {
        var names: [String]?
        for (index, condition) in conditions.enumerated() where condition.column == "job_id" && !condition.isNegated {
            switch condition.test {
            case .equal(let name): names = [name]
            case .oneOf(let all): names = all
            default: continue
            }
            conditions.remove(at: index)
            break
        }
        guard let names else { throw BindingError("provision_job_logs needs the filter job_id=eq.ID") }
        var jobs: [JobID] = []
        for name in names {
            guard let job = JobID(name) else {
                throw BindingError("there is no job \"\(name.shortened(toBytes: 64))\"")
            }
            if !jobs.contains(job) { jobs.append(job) }
        }
        return jobs
    }

    /// Takes a lower bound of `seq` out of the filter: where reading begins.
    fileprivate mutating func takeStart() -> Int64? {
        for (index, condition) in conditions.enumerated() where condition.column == "seq" && !condition.isNegated {
            let start: Int64? =
                switch condition.test {
                case .greater(let text): Int64(text)
                case .greaterOrEqual(let text): Int64(text).map { $0 == .min ? $0 : $0 - 1 }
                default: nil
                }
            guard let start else { continue }
            conditions.remove(at: index)
            return max(0, start)
        }
        return nil
    }
}

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
