public import Domain
internal import Foundation
internal import Hummingbird
internal import HummingbirdCore
internal import HummingbirdTLS
internal import LiveFeed
public import Logging
internal import NIOCore
internal import NIOSSL
public import ServiceLifecycle
internal import Storage
internal import StoragePostgres
internal import StorageSQLite
internal import WebSocket

/// The composition root of the control plane: opens the store, builds routes over services, and runs them.
public struct TrellisApplication: Service {
    private let application: any ApplicationProtocol
    private let store: any Store
    private let feeds: Feeds
    private let denials: DenialLog
    private let holds: [FileHold]

    /// Opens everything that can fail, so that errors come before the first request.
    ///
    /// - Parameter onListening: called with the port once the server takes connections.
    /// - Throws: ``TrellisStartError`` for invalid settings; what the database and the files throw.
    public init(
        _ configuration: TrellisConfiguration, ambient: SystemDependencies = .system, logger: Logger,
        onListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) async throws {
        guard configuration.isLoopback || configuration.tls != nil || configuration.publicURL != nil else {
            throw TrellisStartError.openHost(configuration.host)
        }
        OpenFiles.raiseLimit()
        let folder = try DataFolder(configuration.dataFolder)
        let database = try DatabaseAddress(configuration.database)
        holds = try folder.hold(database)
        let vault = try folder.vault(ambient)
        let bus = LocalChangeBus()
        let store = try await Self.openStore(database, vault: vault, bus: bus)
        let feeds = Feeds(store: store, limits: configuration.limits.feed, ambient: ambient)
        bus.subscribe(feeds.changed)
        let compactor = LogCompactor(store: store, logger: logger)
        bus.subscribe(compactor.changed)
        let credentials = Credentials(ambient: ambient)
        let isReplaced = !folder.hasAdminToken
        let adminHash = Credentials.hash(try folder.adminToken(credentials))
        // At every start, because the database may have been replaced. Only a new token is recorded in the audit.
        let replaced = AuditContext.system.event(
            .replaceToken, on: AuditResource(AccessEntry(kind: .token, hash: adminHash, name: AccessRoutes.admin)),
            reason: "There was no admin token in the data folder.", ambient)
        let access: any AccessStore = isReplaced ? store.recording(replaced) : store
        try await access.setToken(hash: adminHash, name: AccessRoutes.admin, at: ambient.now())
        // Somebody removed the old one: what came of it goes, too.
        if isReplaced { _ = try await store.revokeAllAccess(exceptToken: AccessRoutes.admin, keeping: []) }
        let parts = TrellisComponents(
            configuration: configuration, store: store, vault: vault, feeds: feeds, ambient: ambient,
            credentials: credentials)
        let router = try await parts.router()
        let connections = try parts.connectionLimits()
        var application = Application(
            router: router, server: try parts.server(connections),
            configuration: .init(
                address: .hostname(configuration.host, port: configuration.port), serverName: "vintner", backlog: 1024,
                availableConnectionsDelegate: MaximumAvailableConnections(connections.accepted, logger: logger)),
            onServerRunning: { channel in await onListening(channel.localAddress?.port ?? configuration.port) },
            logger: logger)
        let nodes = SoleNode()
        application.addServices(
            Housekeeping(store: store, ambient: ambient, logger: logger, limits: configuration.limits.leases)
                .periodic(on: nodes), compactor.periodic(on: nodes),
            OfflineNotifier(store: store, feeds: feeds, ambient: ambient).periodic(logger: logger),
            ResourceCount(store: store, logger: logger), parts.sessionRefresh(logger: logger).periodic(on: nodes),
            parts.audit.sealing(on: nodes, logger: logger), parts.audit.checking(logger: logger),
            parts.denials.periodic(logger: logger), parts.lastUse.periodic(logger: logger),
            parts.sweep.periodic(logger: logger))
        if configuration.issuer != nil {
            application.addServices(parts.issuer.keys.periodic(on: nodes, logger: logger))
        }
        self.application = application
        self.store = store
        self.feeds = feeds
        denials = parts.denials
    }

    /// Serves until the service group is asked to stop; open streams end at once.
    public func run() async throws {
        let result: Result<Void, any Error>
        do {
            try await withGracefulShutdownHandler {
                try await application.run()
            } onGracefulShutdown: {
                feeds.bell.close()
            }
            result = .success(())
        } catch { result = .failure(error) }
        // Also after a failure: another Trellis may start in this process.
        defer { for hold in holds { hold.release() } }
        try? await denials.flush(isLast: true)
        try await store.close()
        try result.get()
    }

    private static func openStore(
        _ database: DatabaseAddress, vault: Vault, bus: any ChangeBus
    ) async throws -> any Store {
        switch database {
        case .sqlite(let path):
            try await SQLiteStore.open(path: path, vault: vault, onChange: bus.publish)
        case .postgres(let settings):
            // Nodes do not notify each other of changes yet.
            try await PostgresStore.open(settings, isAlone: true, vault: vault, onChange: bus.publish)
        }
    }
}

/// Why Trellis did not start.
public enum TrellisStartError: Error, CustomStringConvertible {
    case openHost(String)
    case unknownDatabase
    case tooFewFiles(Int, needed: Int)
    case passwordInDatabase
    case sameDatabase
    case noDatabase(String)
    case badProvider(String)

    public var description: String {
        switch self {
        case .openHost(let host):
            "listening on \(host) without TLS sends passwords in plain text: give --tls-cert and --tls-key, or --behind-proxy URL"
        case .unknownDatabase:
            "use --database sqlite:PATH or --database postgres://USER@HOST/NAME"
        case .tooFewFiles(let limit, let needed):
            "the limit on open files is \(limit), and at least \(needed) are needed: raise it (ulimit -n)"
        case .passwordInDatabase:
            "the database address must not contain a password, because every user of this machine can read it: "
                + "put it into a password file (~/.pgpass, or ?passfile=PATH) or into PGPASSWORD"
        case .sameDatabase: "the two databases must differ"
        case .badProvider(let reason): reason
        case .noDatabase(let path): "there is no database \(path)"
        }
    }
}
