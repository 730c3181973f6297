public import Domain
internal import Foundation
internal import Hummingbird
internal import HummingbirdTLS
internal import LiveFeed
public import Logging
internal import NIOCore
internal import NIOSSL
public import ServiceLifecycle
internal import Storage
internal import StoragePostgres
internal import StorageSQLite

/// The composition root of the control plane: opens the store, builds routes over services, and runs them.
public struct TrellisApplication: Service {
    private let application: any ApplicationProtocol
    private let store: any Store
    private let feeds: Feeds
    private let holds: [FileHold]

    /// Opens everything that can fail, so that errors come before the first request.
    ///
    /// - Parameter onListening: called with the port once the server takes connections.
    /// - Throws: ``TrellisStartError`` for settings that can't be; what the database and the files throw.
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
        let observers = ChangeObservers()
        let store = try await Self.openStore(database, vault: vault, observers: observers)
        let feeds = Feeds(store: store, limits: configuration.limits.feed, ambient: ambient)
        observers.add(feeds.told)
        let sealer = LogCompactor(store: store, logger: logger)
        observers.add(sealer.told)
        let credentials = Credentials(ambient: ambient)
        let isReplaced = !folder.hasAdminToken
        try await store.setToken(
            hash: Credentials.hash(folder.adminToken(credentials)), name: AccessRoutes.admin, at: ambient.now())
        // Somebody removed the old one: what came of it goes, too.
        if isReplaced { _ = try await store.revokeAllAccess(exceptToken: AccessRoutes.admin, keeping: []) }
        let parts = TrellisComponents(
            configuration: configuration, store: store, vault: vault, feeds: feeds, ambient: ambient,
            credentials: credentials)
        let router = try await parts.router()
        var application = Application(
            router: router, server: try parts.server(),
            configuration: .init(
                address: .hostname(configuration.host, port: configuration.port), serverName: "vintner", backlog: 1024),
            onServerRunning: { channel in await onListening(channel.localAddress?.port ?? configuration.port) },
            logger: logger)
        application.addServices(
            Housekeeping(
                store: store, ambient: ambient, logger: logger, leases: parts.leases,
                limits: configuration.limits.leases), sealer,
            OfflineNotifier(store: store, feeds: feeds, ambient: ambient),
            CredentialSweep(connections: parts.connections, access: parts.access, logger: logger))
        self.application = application
        self.store = store
        self.feeds = feeds
    }

    /// Serves until the service group is asked to stop; open streams end at once.
    public func run() async throws {
        try await withGracefulShutdownHandler {
            try await application.run()
        } onGracefulShutdown: {
            feeds.bell.close()
        }
        try await store.close()
        for hold in holds { hold.release() }
    }

    private static func openStore(
        _ database: DatabaseAddress, vault: Vault, observers: ChangeObservers
    ) async throws -> any Store {
        switch database {
        case .sqlite(let path):
            try await SQLiteStore.open(path: path, vault: vault, onChange: observers.tell)
        case .postgres(let settings):
            // Nodes do not tell each other yet what changed.
            try await PostgresStore.open(settings, isAlone: true, vault: vault, onChange: observers.tell)
        }
    }
}

/// Why Trellis did not start.
public enum TrellisStartError: Error, CustomStringConvertible {
    case openHost(String)
    case unknownDatabase
    case passwordInDatabase

    public var description: String {
        switch self {
        case .openHost(let host):
            "listening on \(host) sends passwords in clear: give --tls-cert and --tls-key, or --behind-proxy URL"
        case .unknownDatabase:
            "the database is given as sqlite:PATH or postgres://USER@HOST/NAME"
        case .passwordInDatabase:
            "the database address must not contain a password, because every user of this machine can read it: "
                + "put it into a password file (~/.pgpass, or ?passfile=PATH) or into PGPASSWORD"
        }
    }
}
