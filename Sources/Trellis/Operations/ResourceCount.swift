internal import Domain
internal import Logging
internal import ServiceLifecycle
internal import Storage

/// Counts the resources of states that were stored before they were counted.
///
/// Runs once, after the start, one state at a time. A state that can't be read stays uncounted.
struct ResourceCount: Service {
    var store: any Store
    var logger: Logger?

    private static let pageSize = 100

    func run() async throws {
        await cancelWhenGracefulShutdown {
            do {
                let count = try await countAll()
                if count > 0 { logger?.info("counted the resources of \(count) states") }
            } catch {
                logger?.warning("resources could not be counted", metadata: ["error": "\(error)"])
            }
            // A service that returns ends the group.
            try? await gracefulShutdown()
        }
    }

    /// - Returns: how many states were counted.
    @discardableResult
    func countAll() async throws -> Int {
        var counted = 0
        var last: VineID?
        while true {
            let vines = try await store.uncountedVines(after: last, limit: Self.pageSize)
            for id in vines {
                try Task.checkCancellation()
                do {
                    if try await count(id) { counted += 1 }
                } catch let error as StorageError {
                    logger?.warning("a state can't be read", metadata: ["vine": "\(id)", "error": "\(error)"])
                }
            }
            guard vines.count == Self.pageSize else { return counted }
            last = vines.last
        }
    }

    /// Counts the newest state of `vine`.
    ///
    /// - Returns: false if there is none, or it is not a state.
    @discardableResult
    func count(_ vine: VineID) async throws -> Bool {
        guard let state = try await store.currentState(of: vine), let count = StateHeader.resources(in: state.bytes)
        else { return false }
        try await store.recordResources(count, of: state.version)
        return true
    }
}
