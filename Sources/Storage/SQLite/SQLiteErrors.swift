internal import Domain
internal import GRDB

extension StorageError {
    /// What callers see of `error`: refusals and cancellation as they are, everything of SQLite's as a `StorageError`.
    static func mapped(_ error: any Error) -> any Error {
        switch error {
        case is Refusal, is StorageError, is CancellationError: error
        case let error as DatabaseError: StorageError(error)
        default: StorageError(.failed, "\(type(of: error))")
        }
    }

    private init(_ error: DatabaseError) {
        // The message alone: a description may quote statements and values.
        let reason = error.message ?? "SQLite result \(error.extendedResultCode.rawValue)"
        self.init(Self.kind(of: error), reason)
    }

    private static func kind(of error: DatabaseError) -> Kind {
        switch error.resultCode {
        case .SQLITE_FULL: .full
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: .corrupt
        case .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_IOERR, .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_READONLY,
            .SQLITE_PROTOCOL, .SQLITE_NOLFS, .SQLITE_NOMEM, .SQLITE_INTERRUPT, .SQLITE_ABORT:
            .unavailable
        case .SQLITE_MISUSE where error.message == "Connection is closed": .closed
        default: .failed
        }
    }
}
