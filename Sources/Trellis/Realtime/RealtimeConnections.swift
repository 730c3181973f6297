internal import Logging
internal import ServiceLifecycle
internal import Synchronization

/// The open sessions.
final class RealtimeConnections: Sendable {
    private let sessions = Mutex<[ObjectIdentifier: RealtimeSession]>([:])

    /// Limits the open connections, those included whose session has not begun.
    let slots = ConcurrencyLimit()
    static let slotKey = "realtime"

    func add(_ session: RealtimeSession) {
        sessions.withLock { $0[ObjectIdentifier(session)] = session }
    }

    func remove(_ session: RealtimeSession) {
        sessions.withLock { $0[ObjectIdentifier(session)] = nil }
    }

    /// Ends the sessions that use `credential`.
    func end(_ credential: Credential) {
        for session in sessions.withLock({ Array($0.values) }) where session.credential == credential {
            session.expire()
        }
    }

    /// Ends the sessions whose credential is no longer valid. Checks each credential once, however many sessions use it.
    func sweep(_ access: AccessCheck) async throws {
        let byCredential = Dictionary(grouping: sessions.withLock { Array($0.values) }, by: \.credential)
        for (credential, sessions) in byCredential where try await access.user(of: credential) == nil {
            for session in sessions { session.expire() }
        }
    }
}

/// Checks the credentials of open sessions periodically, so that a revoked credential ends its sessions.
struct CredentialSweep: Service {
    var connections: RealtimeConnections
    var access: AccessCheck
    var logger: Logger

    /// Time between two checks.
    static let interval = Duration.seconds(15)

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while true {
                try await Task.sleep(for: Self.interval)
                do { try await connections.sweep(access) } catch {
                    logger.warning("credentials could not be checked", metadata: ["error": "\(error)"])
                }
            }
        }
    }
}
