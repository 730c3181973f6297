#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// libpq's functions, found when the first connection is opened.
///
/// The library is loaded with `dlopen` instead of being linked, so that whoever runs on SQLite needs neither libpq nor
/// the libraries it brings along (TLS, Kerberos, LDAP). See docs/decisions/0012-libpq-by-dlopen.md.
struct Libpq: Sendable {
    typealias Connection = OpaquePointer
    typealias Result = OpaquePointer
    typealias Cancel = OpaquePointer
    typealias Strings = UnsafePointer<UnsafePointer<CChar>?>

    let connect: @convention(c) (Strings?, Strings?, Int32) -> Connection?
    let finish: @convention(c) (Connection) -> Void
    let status: @convention(c) (Connection) -> Int32
    let errorMessage: @convention(c) (Connection) -> UnsafePointer<CChar>?
    let socket: @convention(c) (Connection) -> Int32
    let serverVersion: @convention(c) (Connection) -> Int32
    let setNonblocking: @convention(c) (Connection, Int32) -> Int32
    let setNoticeReceiver:
        @convention(c) (
            Connection, (@convention(c) (UnsafeMutableRawPointer?, Result?) -> Void)?, UnsafeMutableRawPointer?
        ) -> OpaquePointer?

    let enterPipelineMode: @convention(c) (Connection) -> Int32
    let pipelineSync: @convention(c) (Connection) -> Int32
    let sendPrepare:
        @convention(c) (Connection, UnsafePointer<CChar>, UnsafePointer<CChar>, Int32, UnsafePointer<UInt32>?) -> Int32
    let sendQueryPrepared:
        @convention(c) (
            Connection, UnsafePointer<CChar>, Int32, Strings?, UnsafePointer<Int32>?, UnsafePointer<Int32>?, Int32
        ) -> Int32
    let sendQueryParams:
        @convention(c) (
            Connection, UnsafePointer<CChar>, Int32, UnsafePointer<UInt32>?, Strings?, UnsafePointer<Int32>?,
            UnsafePointer<Int32>?, Int32
        ) -> Int32
    let flush: @convention(c) (Connection) -> Int32
    let consumeInput: @convention(c) (Connection) -> Int32
    let isBusy: @convention(c) (Connection) -> Int32
    let getResult: @convention(c) (Connection) -> Result?

    let clear: @convention(c) (Result) -> Void
    let resultStatus: @convention(c) (Result) -> Int32
    let resultErrorField: @convention(c) (Result?, Int32) -> UnsafePointer<CChar>?
    let resultErrorMessage: @convention(c) (Result) -> UnsafePointer<CChar>?
    let commandTag: @convention(c) (Result) -> UnsafePointer<CChar>?
    let rowCount: @convention(c) (Result) -> Int32
    let columnCount: @convention(c) (Result) -> Int32
    let columnName: @convention(c) (Result, Int32) -> UnsafePointer<CChar>?
    let columnType: @convention(c) (Result, Int32) -> UInt32
    let isNull: @convention(c) (Result, Int32, Int32) -> Int32
    let length: @convention(c) (Result, Int32, Int32) -> Int32
    let value: @convention(c) (Result, Int32, Int32) -> UnsafePointer<CChar>?

    let notifies: @convention(c) (Connection) -> UnsafeMutableRawPointer?

    let getCancel: @convention(c) (Connection) -> Cancel?
    let cancel: @convention(c) (Cancel, UnsafeMutablePointer<CChar>, Int32) -> Int32
    let freeCancel: @convention(c) (Cancel) -> Void

    let parseSettings:
        @convention(c) (
            UnsafePointer<CChar>, UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
        ) -> UnsafeMutableRawPointer?
    let freeSettings: @convention(c) (UnsafeMutableRawPointer) -> Void
    let freeMemory: @convention(c) (UnsafeMutableRawPointer) -> Void

    /// libpq's `PGnotify`.
    struct Notification {
        var channel: UnsafeMutablePointer<CChar>?
        var process: Int32
        var text: UnsafeMutablePointer<CChar>?
    }

    /// The library of this process, or why there is none.
    static func shared() throws(PostgresError) -> Libpq { try loaded.get() }

    private static let loaded: Swift.Result<Libpq, PostgresError> = {
        do throws(PostgresError) {
            return .success(try Libpq(named: ["libpq.so.5", "libpq.5.dylib"]))
        } catch {
            return .failure(error)
        }
    }()

    private init(named names: [String]) throws(PostgresError) {
        var found: UnsafeMutableRawPointer?
        for name in names where found == nil { found = dlopen(name, RTLD_NOW | RTLD_LOCAL) }
        guard let library = found else {
            throw PostgresError(
                .library,
                "PostgreSQL's client library (libpq) is missing. Install it: on Debian and Ubuntu, apt install libpq5.")
        }
        func load<Function>(_ name: String, as _: Function.Type = Function.self) throws(PostgresError) -> Function {
            guard let symbol = dlsym(library, name) else {
                throw PostgresError(
                    .library, "The installed libpq is too old: it has no \(name). Use version 14 or later.")
            }
            return unsafeBitCast(symbol, to: Function.self)
        }
        connect = try load("PQconnectdbParams")
        finish = try load("PQfinish")
        status = try load("PQstatus")
        errorMessage = try load("PQerrorMessage")
        socket = try load("PQsocket")
        serverVersion = try load("PQserverVersion")
        setNonblocking = try load("PQsetnonblocking")
        setNoticeReceiver = try load("PQsetNoticeReceiver")
        enterPipelineMode = try load("PQenterPipelineMode")
        pipelineSync = try load("PQpipelineSync")
        sendPrepare = try load("PQsendPrepare")
        sendQueryPrepared = try load("PQsendQueryPrepared")
        sendQueryParams = try load("PQsendQueryParams")
        flush = try load("PQflush")
        consumeInput = try load("PQconsumeInput")
        isBusy = try load("PQisBusy")
        getResult = try load("PQgetResult")
        clear = try load("PQclear")
        resultStatus = try load("PQresultStatus")
        resultErrorField = try load("PQresultErrorField")
        resultErrorMessage = try load("PQresultErrorMessage")
        commandTag = try load("PQcmdStatus")
        rowCount = try load("PQntuples")
        columnCount = try load("PQnfields")
        columnName = try load("PQfname")
        columnType = try load("PQftype")
        isNull = try load("PQgetisnull")
        length = try load("PQgetlength")
        value = try load("PQgetvalue")
        notifies = try load("PQnotifies")
        getCancel = try load("PQgetCancel")
        cancel = try load("PQcancel")
        freeCancel = try load("PQfreeCancel")
        parseSettings = try load("PQconninfoParse")
        freeSettings = try load("PQconninfoFree")
        freeMemory = try load("PQfreemem")
    }
}

/// Constants of libpq's headers, which `dlopen` does not bring along.
extension Libpq {
    enum ConnectionStatus {
        static let ok: Int32 = 0
    }

    enum ResultStatus {
        static let commandOK: Int32 = 1
        static let tuplesOK: Int32 = 2
        static let pipelineSync: Int32 = 10
        static let pipelineAborted: Int32 = 11
    }

    /// Fields of an error report (`PG_DIAG_…`).
    enum Diagnostic {
        static let severity = Int32(UInt8(ascii: "V"))
        static let sqlState = Int32(UInt8(ascii: "C"))
        static let message = Int32(UInt8(ascii: "M"))
        static let constraint = Int32(UInt8(ascii: "n"))
    }
}
