internal import Domain
internal import Storage

extension StorageError {
    /// The value of `read`. Corrupt data is a conflict and not a server error, because a Tendril would retry a server
    /// error forever.
    static func refusingCorruptData<Value>(_ what: String, _ read: () async throws -> Value) async throws -> Value {
        do {
            return try await read()
        } catch let error as StorageError where error.kind == .corrupt {
            throw Refusal(.conflict, "\(what) was altered in the database and can't be used.")
        }
    }
}
