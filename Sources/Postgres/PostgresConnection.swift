#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// One connection to a server, in libpq's pipeline mode throughout. For one thread at a time.
///
/// A statement whose result nobody needs is queued (``run(_:_:)``) and travels with the next one that is waited for, so
/// a transaction costs as many round trips as it has results to look at.
public final class PostgresConnection {
    private let libpq: Libpq
    private let handle: Libpq.Connection
    private let notices: NoticeLog
    private let isPooled: Bool
    private let setup: (sql: String, values: [PostgresValue])
    private var queued: [Statement] = []
    /// Names of the statements that the server has prepared, by their SQL.
    private var prepared: [String: String] = [:]
    private var preparedCount = 0
    private let exchangeTimeout: Duration
    /// When the call that uses the connection must be over.
    var deadline: ContinuousClock.Instant?

    /// False once an error left the connection in an unknown state: it is to be closed.
    public private(set) var isUsable = true
    let canceler: Canceler

    struct Statement {
        var sql: String
        var values: [PostgresValue]
        var isPrepared = true
    }

    /// Connects; blocks for as long as ``PostgresSettings/connectTimeout`` says, for each host.
    public init(_ settings: PostgresSettings) throws {
        libpq = try Libpq.shared()
        handle = try Self.connect(settings, libpq)
        notices = NoticeLog(libpq)
        setup = settings.sessionSetup
        isPooled = settings.isPooled
        exchangeTimeout = settings.exchangeTimeout
        guard let cancel = libpq.getCancel(handle) else {
            libpq.finish(handle)
            throw PostgresError(.connection, "The connection was lost at once.")
        }
        canceler = Canceler(cancel, socket: libpq.socket(handle), libpq)
        _ = libpq.setNoticeReceiver(
            handle,
            { context, result in
                guard let context, let result else { return }
                Unmanaged<NoticeLog>.fromOpaque(context).takeUnretainedValue().add(result)
            }, Unmanaged.passUnretained(notices).toOpaque())
        guard libpq.setNonblocking(handle, 1) == 0, libpq.enterPipelineMode(handle) == 1 else {
            throw PostgresError(.connection, "The connection can't be used in pipeline mode.")
        }
        if !isPooled { try query(setup.sql, setup.values) }
    }

    deinit {
        canceler.retire()
        libpq.finish(handle)
    }

    private static func connect(_ settings: PostgresSettings, _ libpq: Libpq) throws -> Libpq.Connection {
        let pairs = settings.keywords
        let handle = withCStrings(pairs.map(\.0)) { keywords in
            withCStrings(pairs.map(\.1)) { values in libpq.connect(keywords, values, 1) }
        }
        guard let handle else { throw PostgresError(.connection, "There is no memory for a connection.") }
        guard libpq.status(handle) == Libpq.ConnectionStatus.ok else {
            let message = libpq.errorMessage(handle).map { String(cString: $0) } ?? ""
            libpq.finish(handle)
            throw PostgresError(.connection, message.trimmingNewlines)
        }
        return handle
    }

    /// Such as 150018 for 15.18.
    public var serverVersion: Int { Int(libpq.serverVersion(handle)) }

    /// SQLSTATEs of warnings since the last call.
    func takeWarnings() -> [String] { notices.take() }

    // MARK: - Statements

    /// Queues a statement whose result is not needed. Where it fails, the next exchange throws.
    public func run(_ sql: String, _ values: [PostgresValue]) {
        queued.append(Statement(sql: sql, values: values))
    }

    /// Queues the beginning of a transaction.
    func begin(_ sql: String) {
        run(sql, [])
        if isPooled { run(setup.sql, setup.values) }
    }

    /// Sends the queued statements and this one together, and waits for its result.
    @discardableResult
    public func query(_ sql: String, _ values: [PostgresValue]) throws -> PostgresResult {
        run(sql, values)
        guard let result = try flush().last else { throw PostgresError(.decoding, "A statement brought no result.") }
        return result
    }

    /// As ``query(_:_:)``, but planned for these very values: for a statement whose best plan depends on them.
    public func queryUnprepared(_ sql: String, _ values: [PostgresValue]) throws -> PostgresResult {
        queued.append(Statement(sql: sql, values: values, isPrepared: false))
        guard let result = try flush().last else { throw PostgresError(.decoding, "A statement brought no result.") }
        return result
    }

    /// Sends the queued statements and these together, and waits for the results of these.
    public func queryAll(_ statements: [(sql: String, values: [PostgresValue])]) throws -> [PostgresResult] {
        for statement in statements { run(statement.sql, statement.values) }
        let results = try flush()
        guard results.count >= statements.count else {
            throw PostgresError(.decoding, "A statement brought no result.")
        }
        return results.suffix(statements.count)
    }

    /// Forgets what is queued and was not sent.
    func discardQueue() { queued = [] }

    /// Sends the queued statements, and waits for their results. The first error of them is thrown; PostgreSQL has then
    /// skipped those after it.
    @discardableResult
    func flush() throws -> [PostgresResult] {
        guard !queued.isEmpty else { return [] }
        guard isUsable else { throw PostgresError(.connection, "The connection was lost.") }
        let statements = queued
        queued = []
        let now = ContinuousClock.now
        let limit = min(now.advanced(by: exchangeTimeout), deadline ?? .now.advanced(by: exchangeTimeout))
        do {
            let expected = try send(statements)
            return try receive(expected, until: limit)
        } catch let error as PostgresError {
            if error.kind != .server { giveUp() }
            if error.sqlState == PostgresError.SQLState.cachedPlanChanged { prepared = [:] }
            throw error
        }
    }

    /// Waits for what other sessions send with NOTIFY, at most for `limit`. Empty if nothing came.
    ///
    /// Nothing else may be under way on the connection.
    func notifications(within limit: Duration) throws -> [String] {
        let end = ContinuousClock.now.advanced(by: limit)
        do {
            while true {
                let texts = takeNotifications()
                let remaining = ContinuousClock.now.duration(to: end).milliseconds
                if !texts.isEmpty || remaining <= 0 { return texts }
                var poll = pollfd(fd: libpq.socket(handle), events: Int16(POLLIN), revents: 0)
                let ready = withExtendedLifetime(self) { posixPoll(&poll, 1, Int32(clamping: remaining)) }
                guard ready > 0 else { continue }
                guard libpq.consumeInput(handle) == 1 else { throw lost() }
            }
        } catch {
            giveUp()
            throw error
        }
    }

    private func takeNotifications() -> [String] {
        var texts: [String] = []
        while let notification = libpq.notifies(handle) {
            let text = notification.load(as: Libpq.Notification.self).text
            if let text { texts.append(String(cString: text)) }
            libpq.freeMemory(notification)
        }
        return texts
    }

    private func giveUp() {
        isUsable = false
        canceler.shutDownSocket()
    }

    /// A reply to come.
    private enum Expected {
        case preparation(sql: String, name: String)
        case result
    }

    private func send(_ statements: [Statement]) throws -> [Expected] {
        var expected: [Expected] = []
        var names: [String: String] = [:]
        for statement in statements {
            let isPrepared = !isPooled && statement.isPrepared
            if isPrepared, prepared[statement.sql] == nil, names[statement.sql] == nil {
                preparedCount += 1
                let name = "s\(preparedCount)"
                let types = statement.values.map(\.type)
                try check(libpq.sendPrepare(handle, name, statement.sql, Int32(types.count), types))
                names[statement.sql] = name
                expected.append(.preparation(sql: statement.sql, name: name))
            }
            let name = isPrepared ? prepared[statement.sql] ?? names[statement.sql] : nil
            try StatementParameters(statement.values).with { parameters in
                if let name {
                    try check(
                        libpq.sendQueryPrepared(
                            handle, name, parameters.count, parameters.values, parameters.lengths,
                            parameters.formats, 1))
                } else {
                    try check(
                        libpq.sendQueryParams(
                            handle, statement.sql, parameters.count, parameters.types, parameters.values,
                            parameters.lengths, parameters.formats, 1))
                }
            }
            expected.append(.result)
        }
        try check(libpq.pipelineSync(handle))
        return expected
    }

    private func receive(_ expected: [Expected], until limit: ContinuousClock.Instant) throws -> [PostgresResult] {
        var results: [PostgresResult] = []
        var failure: PostgresError?
        for reply in expected {
            while let result = try nextResult(until: limit) {
                switch libpq.resultStatus(result) {
                case Libpq.ResultStatus.commandOK, Libpq.ResultStatus.tuplesOK:
                    switch reply {
                    case .preparation(let sql, let name):
                        libpq.clear(result)
                        prepared[sql] = name
                    case .result: results.append(PostgresResult(result, libpq))
                    }
                case Libpq.ResultStatus.pipelineAborted:
                    libpq.clear(result)
                case Libpq.ResultStatus.pipelineSync:
                    libpq.clear(result)
                    throw PostgresError(.connection, "The server's replies are out of step.")
                default:
                    let error = takeError(of: result)
                    if error.kind != .server { throw error }
                    failure = failure ?? error
                }
            }
        }
        guard let end = try nextResult(until: limit) else {
            throw failure ?? PostgresError(.connection, lastMessage)
        }
        let status = libpq.resultStatus(end)
        libpq.clear(end)
        guard status == Libpq.ResultStatus.pipelineSync else { throw PostgresError(.connection, lastMessage) }
        if let failure { throw failure }
        return results
    }

    private func nextResult(until limit: ContinuousClock.Instant) throws -> Libpq.Result? {
        while true {
            let unsent = libpq.flush(handle)
            guard unsent >= 0 else { throw lost() }
            if unsent == 0, libpq.isBusy(handle) == 0 { return libpq.getResult(handle) }
            try wait(forWriting: unsent == 1, until: limit)
            guard libpq.consumeInput(handle) == 1 else { throw lost() }
        }
    }

    /// A server that is about to close the connection says why; that is in what was read before.
    private func lost() -> PostgresError {
        while let result = libpq.getResult(handle) {
            let status = libpq.resultStatus(result)
            guard status != Libpq.ResultStatus.commandOK, status != Libpq.ResultStatus.tuplesOK,
                status != Libpq.ResultStatus.pipelineAborted, status != Libpq.ResultStatus.pipelineSync
            else {
                libpq.clear(result)
                continue
            }
            let error = takeError(of: result)
            if error.kind == .connection { return error }
        }
        return PostgresError(.connection, lastMessage)
    }

    private func wait(forWriting: Bool, until limit: ContinuousClock.Instant) throws {
        let remaining = ContinuousClock.now.duration(to: limit).milliseconds
        guard remaining > 0 else { throw Self.timeout }
        var poll = pollfd(fd: libpq.socket(handle), events: Int16(forWriting ? POLLIN | POLLOUT : POLLIN), revents: 0)
        let ready = withExtendedLifetime(self) { posixPoll(&poll, 1, Int32(clamping: remaining)) }
        guard ready != 0 else { throw Self.timeout }
        guard ready > 0 || errno == EINTR else { throw PostgresError(.connection, "Waiting for the server failed.") }
    }

    private static let timeout = PostgresError(.timeout, "The database did not answer in time.")

    private func check(_ sent: Int32) throws {
        guard sent == 1 else { throw PostgresError(.connection, lastMessage) }
    }

    private var lastMessage: String {
        libpq.errorMessage(handle).map { String(cString: $0).trimmingNewlines } ?? "The connection was lost."
    }

    /// The error that `result` reports; frees it. Without a SQLSTATE, or when fatal, the connection is over.
    private func takeError(of result: Libpq.Result) -> PostgresError {
        defer { libpq.clear(result) }
        func field(_ code: Int32) -> String? { libpq.resultErrorField(result, code).map { String(cString: $0) } }
        let sqlState = field(Libpq.Diagnostic.sqlState)
        let severity = field(Libpq.Diagnostic.severity)
        let message =
            field(Libpq.Diagnostic.message)
            ?? libpq.resultErrorMessage(result).map { String(cString: $0).trimmingNewlines } ?? ""
        let isOver = sqlState == nil || severity == "FATAL" || severity == "PANIC"
        return PostgresError(
            isOver ? .connection : .server, message, sqlState: sqlState,
            constraint: field(Libpq.Diagnostic.constraint))
    }
}

/// Remembers warnings, which libpq would print to standard error.
private final class NoticeLog {
    private let libpq: Libpq
    private var sqlStates: [String] = []

    init(_ libpq: Libpq) { self.libpq = libpq }

    func add(_ result: Libpq.Result) {
        let severity = libpq.resultErrorField(result, Libpq.Diagnostic.severity).map { String(cString: $0) }
        guard severity == "WARNING", let state = libpq.resultErrorField(result, Libpq.Diagnostic.sqlState) else {
            return
        }
        sqlStates.append(String(cString: state))
    }

    func take() -> [String] {
        defer { sqlStates = [] }
        return sqlStates
    }
}

/// `poll(2)`, which `pollfd`'s variables hide.
private func posixPoll(_ descriptors: UnsafeMutablePointer<pollfd>, _ count: Int, _ timeout: Int32) -> Int32 {
    poll(descriptors, nfds_t(count), timeout)
}

extension String {
    fileprivate var trimmingNewlines: String {
        split(whereSeparator: \.isNewline).joined(separator: " ")
    }
}
