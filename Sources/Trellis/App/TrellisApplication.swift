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
internal import WebSocket

/// The composition root of the control plane: opens the store, builds routes over services, and runs them.
public struct TrellisApplication: Service {
    private let application: any ApplicationProtocol
    private let store: any Store
    private let feeds: Feeds
    private let denials: DenialLog
    private let holds: [FileHold]
    /// The other nodes on the database; nil if there are none.
    private let nodes: PostgresNodes?
    private let drain: Drain
    private let drainTime: Duration
    private let logger: Logger

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
        let vault = try folder.vault(ambient, shared: configuration.secretKeyFile)
        let opened = try await OpenedStore(
            database, vault: vault, isShared: configuration.secretKeyFile != nil)
        let store = opened.store
        let feeds = Feeds(store: store, limits: configuration.limits.feed, ambient: ambient)
        opened.bus.subscribe(feeds.changed)
        let compactor = LogCompactor(store: store, logger: logger)
        opened.bus.subscribe(compactor.changed)
        let credentials = Credentials(ambient: ambient)
        try await AdminToken(
            folder: folder, store: store, credentials: credentials, ambient: ambient, logger: logger
        ).prepare(isShared: opened.nodes != nil)
        let parts = TrellisComponents(
            configuration: configuration, store: store, vault: vault, feeds: feeds, ambient: ambient,
            credentials: credentials, logger: logger)
        let router = try await parts.router()
        let connections = try parts.connectionLimits()
        var application = Application(
            router: router, server: try parts.server(connections),
            configuration: .init(
                address: .hostname(configuration.host, port: configuration.port), serverName: "vintner", backlog: 1024,
                availableConnectionsDelegate: MaximumAvailableConnections(connections.accepted, logger: logger)),
            onServerRunning: { channel in await onListening(channel.localAddress?.port ?? configuration.port) },
            logger: logger)
        let nodes: any ExclusiveDuty = opened.nodes ?? SoleNode()
        application.addServices(
            Housekeeping(
                store: store, ambient: ambient, logger: logger, limits: configuration.limits.leases,
                metrics: parts.metrics
            )
            .periodic(on: nodes), compactor.periodic(on: nodes),
            OfflineNotifier(store: store, feeds: feeds, ambient: ambient).periodic(logger: logger),
            ResourceCount(store: store, logger: logger), parts.refresh.periodic(open: parts.openCredentials),
            parts.refresh.idlePeriodic(on: nodes),
            parts.audit.sealing(on: nodes, logger: logger), parts.audit.checking(logger: logger),
            parts.denials.periodic(logger: logger), parts.lastUse.periodic(logger: logger),
            parts.sweep.periodic(logger: logger))
        if configuration.issuer != nil {
            application.addServices(parts.issuer.keys.periodic(on: nodes, logger: logger))
        }
        self.application = application
        self.store = store
        self.feeds = feeds
        self.nodes = opened.nodes
        self.logger = logger
        denials = parts.denials
        drain = parts.drain
        drainTime = configuration.drain
        try await opened.nodes?.start(followed: { feeds.logs.jobs })
    }

    /// Serves until the service group is asked to stop: then for the configured time, in which load balancers learn of it
    /// from `/readyz`. After that, open streams end, with a code that makes clients come back.
    public func run() async throws {
        let group = ServiceGroup(configuration: .init(services: [.init(service: application)], logger: logger))
        // A group of its own, because the services of the outer one stop at once. Detached, so that this one does not.
        let server = Task.detached { try await group.run() }
        let result = await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await server.result
            } onGracefulShutdown: {
                drain.begin()
                Task {
                    try? await Task.sleep(for: drainTime)
                    feeds.bell.close()
                    await group.triggerGracefulShutdown()
                }
            }
        } onCancel: {
            server.cancel()
        }
        // Also after a failure: another Trellis may start in this process.
        defer { for hold in holds { hold.release() } }
        try? await denials.flush(isLast: true)
        await nodes?.close()
        try await store.close()
        try result.get()
    }
}

/// Why Trellis did not start.
public enum TrellisStartError: Error, CustomStringConvertible {
    case openHost(String)
    case unknownDatabase
    case unknownPooler
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
        case .unknownPooler: "the only pooler that Trellis knows is pooler=transaction"
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
