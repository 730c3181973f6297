internal import Domain
internal import Storage

extension StorageError {
    /// What `read` gives. Something that was altered is refused in a sentence, and not as a fault that may pass: a
    /// Tendril would ask for it for ever.
    static func refusingDamage<Value>(_ what: String, _ read: () async throws -> Value) async throws -> Value {
        do {
            return try await read()
        } catch let error as StorageError where error.kind == .corrupt {
            throw Refusal(.conflict, "\(what) that is stored was altered and can't be opened; nothing is done with it.")
        }
    }
}
