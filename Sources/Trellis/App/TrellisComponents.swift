internal import Domain
internal import Foundation
internal import Hummingbird
internal import HummingbirdCore
internal import HummingbirdTLS
internal import LiveFeed
internal import Logging
internal import NIOSSL
internal import Prometheus
internal import Storage
internal import WebSocket

/// Creates and connects the server's components.
struct TrellisComponents {
    var configuration: TrellisConfiguration
    var store: any Store
    var vault: Vault
    var feeds: Feeds
    var ambient: SystemDependencies
    var credentials: Credentials
    /// Records denials, seals the audit log and checks it.
    let denials: DenialLog
    let audit: AuditKeeper

    /// True where browsers reach us over TLS.
    var isSecure: Bool { configuration.tls != nil || configuration.publicURL?.hasPrefix("https://") == true }

    /// The open Realtime connections.
    let connections = RealtimeConnections()

    let drain = Drain()

    /// The responses that are being sent.
    let streams = OpenStreams()

    /// Ends what was opened with a credential that is no longer good.
    private var onRevoked: @Sendable (Credential) -> Void {
        { [connections, streams] credential in
            connections.end(credential)
            streams.end(credential)
        }
    }

    let metrics: ServerMetrics
    let providers: IdentityProviders
    let passwords: Passwords
    let attempts: AttemptLimit
    let lastUse: LastUse
    /// Reads the groups of people who are signed in again.
    let refresh: SessionRefresh
    let issuer: TokenIssuer

    init(
        configuration: TrellisConfiguration, store: any Store, vault: Vault, feeds: Feeds, ambient: SystemDependencies,
        credentials: Credentials, logger: Logger = Logger(label: "trellis")
    ) {
        self.configuration = configuration
        self.store = store
        self.vault = vault
        self.feeds = feeds
        self.ambient = ambient
        self.credentials = credentials
        metrics = configuration.metrics.map { ServerMetrics(factory: $0) } ?? ServerMetrics()
        providers = IdentityProviders(configuration.providers, transport: OpenIDHTTP(), ambient: ambient)
        passwords = Passwords(cost: configuration.passwordCost, ambient: ambient)
        attempts = AttemptLimit(ambient: ambient)
        lastUse = LastUse(store: store)
        issuer = TokenIssuer(
            store: store, configuration: configuration.issuer, keys: SigningKeys(store: store, ambient: ambient),
            ambient: ambient)
        denials = DenialLog(store: store, ambient: ambient)
        audit = AuditKeeper(store: store, ambient: ambient, days: configuration.auditDays, metrics: metrics)
        let (connections, streams) = (connections, streams)
        let sweep = CredentialSweep(
            connections: connections, streams: streams, tendrils: store,
            access: AccessCheck(access: store, ambient: ambient), rights: RightsCheck(store: store))
        refresh = SessionRefresh(
            store: store, providers: providers, ambient: ambient, logger: logger,
            interval: configuration.groupsInterval,
            onEnded: { credential in
                connections.end(credential)
                streams.end(credential)
            }, onChange: { await sweep.run() })
    }

    /// The credentials with an open connection or stream.
    var openCredentials: @Sendable () -> Set<Credential> {
        { [connections, streams] in connections.credentials.union(streams.credentials) }
    }

    private var address: ClientAddress { ClientAddress(isBehindProxy: configuration.publicURL != nil) }

    private var sessions: Sessions {
        Sessions(access: store, credentials: credentials, cookie: cookie, address: address, onEnded: onRevoked)
    }

    var access: AccessCheck { AccessCheck(access: store, ambient: ambient) }
    var rights: RightsCheck { RightsCheck(store: store) }

    /// Asks what is open again.
    var sweep: CredentialSweep {
        CredentialSweep(connections: connections, streams: streams, tendrils: store, access: access, rights: rights)
    }

    private var realtimeAuthorization: RealtimeAuthorization {
        RealtimeAuthorization(
            access: access, origins: origins, cookie: cookie, connections: connections,
            limit: configuration.limits.realtime.connections)
    }

    private var realtimeDependencies: RealtimeDependencies {
        RealtimeDependencies(
            feeds: feeds, access: access, rights: rights, connections: connections,
            limits: configuration.limits.realtime,
            ambient: ambient)
    }

    var origins: AllowedOrigins {
        AllowedOrigins(
            host: configuration.host, port: configuration.port, isTLS: configuration.tls != nil,
            publicURL: configuration.publicURL)
    }

    var publicURL: String {
        if let url = configuration.publicURL { return url }
        let host = configuration.host.contains(":") ? "[\(configuration.host)]" : configuration.host
        return "\(isSecure ? "https" : "http")://\(host):\(configuration.port)"
    }

    var cookie: SessionCookie { SessionCookie(publicURL: publicURL) }

    func router() async throws -> Router<TrellisContext> { try await routes().router }

    /// All routes of the server.
    func routes() async throws -> RouteTable {
        let resources = Bundle.module.bundlePath + "/Resources"
        let assets = try Assets(folder: resources + "/assets", bundle: resources + "/bundle")
        let renderer = try await PageRenderer(folder: resources + "/templates", assets: assets.path)
        let streamLimit = StreamLimit(limits: configuration.limits.streams)
        let router = RouteTable(router: Router(context: TrellisContext.self), metrics: metrics)
        router.addMiddleware {
            SecurityHeaders(isSecure: isSecure)
            ErrorMiddleware()
            HostCheck(origins: origins)
            CanonicalPaths()
            assets.routes
            AuditTrail(denials: denials, ambient: ambient, isBehindProxy: configuration.publicURL != nil)
            Authentication(
                access: access, tendrils: store, origins: origins, cookie: cookie, lastUse: lastUse, refresh: refresh)
            ErrorMiddleware(page: ErrorPages(renderer: renderer).page)
            streamLimit
            StreamRegistration(streams: streams)
        }
        HealthRoutes(store: store, drain: drain).add(to: router)
        IssuerRoutes(issuer: issuer).add(to: router)
        let records = JobResponses(store: store, ambient: ambient)
        let vines = VineService(store: store, ambient: ambient, rules: configuration.rules, vault: vault)
        let jobs = JobService(
            store: store, vines: vines, vault: vault, ambient: ambient, metrics: metrics)
        let api = APIRouter(
            table: router, check: rights, repeats: RepeatedCalls(store: store, ambient: ambient))
        try addAPI(to: api, vines: vines, jobs: jobs, records: records)
        RealtimeRoutes(authorization: realtimeAuthorization).add(to: router)
        MetricsRoutes(
            store: store, registry: configuration.metrics ?? PrometheusRegistry(ServerMetrics.families),
            ambient: ambient
        ) { [connections] in
            [("realtime", connections.count), ("events", streamLimit.followers)]
        }.add(to: api)
        let pages = PageRoutes(
            renderer: renderer, jobs: jobs, vines: vines, records: records, lines: LineWindowReader(store: store),
            plans: PlanReader(store: store), check: rights, providers: configuration.providers)
        pages.add(to: router)
        ProviderSignIn(
            providers: providers, store: store, sessions: sessions, vault: vault, ambient: ambient, origins: origins,
            publicURL: publicURL, denials: denials, show: pages.signInProblem
        ).add(to: router)
        router.refuseOtherMethods()
        return router
    }

    private func addAPI(
        to api: APIRouter, vines: VineService, jobs: JobService, records: JobResponses
    ) throws {
        ContractRoutes().add(to: api)
        SignIn(
            store: store, credentials: credentials, origins: origins, publicURL: publicURL, sessions: sessions,
            passwords: passwords, attempts: attempts
        ).add(to: api)
        AccountRoutes(
            store: store, credentials: credentials, passwords: passwords, attempts: attempts, address: address,
            providers: providers, onRevoked: onRevoked
        ).add(to: api)
        UserRoutes(
            store: store, credentials: credentials, publicURL: publicURL, providers: providers, onRevoked: onRevoked,
            grants: GrantRequests(
                store: store, check: rights, ambient: ambient, onChange: { [sweep] in await sweep.run() })
        ).add(to: api)
        AccessRoutes(
            access: store, credentials: credentials, folder: try DataFolder(configuration.dataFolder),
            mayManageUsers: { [store] account in
                try await store.rights(of: account).allows(.usersManage, on: .installation)
            }, onRevoked: onRevoked
        ).add(to: api)
        RightsRoutes(
            store: store, check: rights, ambient: ambient, onChange: { [sweep] in await sweep.run() }
        ).add(to: api)
        VineRoutes(service: vines, bodyLimit: configuration.limits.vineBytes).add(to: api)
        VineStateRoutes(states: VineStates(store: store), ambient: ambient).add(to: api)
        StateRoutes(store: store, ambient: ambient, stateLimit: configuration.limits.stateBytes).add(to: api)
        JobRoutes(service: jobs, records: records).add(to: api)
        LogRoutes(
            store: store, feeds: feeds, records: records,
            searching: SearchRoute(store: store, limits: configuration.limits.search, ambient: ambient)
        ).add(to: api)
        ErrorRoutes(service: ErrorService(store: store, ambient: ambient)).add(to: api)
        LogsSearchRoute(store: store, limits: configuration.limits.search, ambient: ambient).add(to: api)
        let workers = WorkerService(
            store: store, credentials: credentials, ambient: ambient,
            forecasts: RunForecasts(store: store, ambient: ambient),
            metadataBytes: configuration.limits.metadataBytes, metrics: metrics)
        WorkerRoutes(service: workers, bell: feeds.bell, limits: configuration.limits).add(to: api)
        PlanRoutes(jobs: jobs, workers: workers).add(to: api)
        IdentityRoutes(store: store, issuer: issuer, workers: workers, ambient: ambient).add(to: api)
        AuditRoutes(store: store, keeper: audit, ambient: ambient).add(to: api)
        try EvidenceRoutes(store: store, vault: vault, ambient: ambient).add(to: api)
    }

    /// The configured limits, lowered to what the limit on open files allows.
    func connectionLimits() throws -> ConnectionLimits {
        var limits = configuration.limits.connections
        limits.connections = min(limits.connections, try OpenFiles.connections(of: OpenFiles.raiseLimit()))
        return limits
    }

    /// HTTP/1.1 with WebSockets, over TLS if there are certificates.
    func server(_ connections: ConnectionLimits) throws -> HTTPServerBuilder {
        let plain = HTTPServerBuilder.http1(
            webSocket: RealtimeEndpoint(authorization: realtimeAuthorization, dependencies: realtimeDependencies),
            limits: configuration.limits.webSocket, connections: connections)
        guard let tls = configuration.tls else { return plain }
        let chain = try NIOSSLCertificate.fromPEMFile(tls.certificate).map(NIOSSLCertificateSource.certificate)
        let key = try NIOSSLPrivateKey(file: tls.key, format: .pem)
        return try .tls(
            plain, tlsConfiguration: .makeServerConfiguration(certificateChain: chain, privateKey: .privateKey(key)))
    }
}
