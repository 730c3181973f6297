public import Domain
public import LiveFeed
public import OpenID
public import Prometheus
public import WebSocket

/// Trellis' configuration.
public struct TrellisConfiguration: Sendable {
    /// What to listen on. A host that is not loopback needs TLS or a proxy in front.
    public var host: String
    /// 0 lets the system choose.
    public var port: Int
    /// PEM files; nil for plain HTTP.
    public var tls: TLSFiles?
    /// How a proxy in front is reached: `https://vintner.example.com`.
    public var publicURL: String?
    /// `sqlite:PATH`.
    public var database: String
    /// The folder for the key, the admin token and the address, mode 0700.
    public var dataFolder: String
    public var limits: TrellisLimits
    public var rules: VineRules
    /// Where people sign in, besides here.
    public var providers: [OpenIDProvider] = []
    /// How often the groups of a person who is signed in are read again, in milliseconds.
    public var groupsInterval: Int64 = 8000
    /// What computing a password costs.
    var passwordCost = PasswordHash.Cost()
    /// Days that audit events are kept; nil for all.
    public var auditDays: Int?
    /// What `/metrics` shows beside the values of the store.
    public var metrics: PrometheusRegistry?
    /// The file with the key that several nodes share; nil for the one in the data folder, and a node that is alone.
    public var secretKeyFile: String?
    /// How long the server goes on after it was asked to stop, while `/readyz` says that it stops.
    public var drain = Duration.zero
    /// How jobs get tokens for clouds; nil for an installation that issues none.
    public var issuer: IssuerConfiguration?

    public struct TLSFiles: Sendable {
        public var certificate: String
        public var key: String

        public init(certificate: String, key: String) {
            self.certificate = certificate
            self.key = key
        }
    }

    public init(
        host: String = "127.0.0.1", port: Int = 8080, tls: TLSFiles? = nil, publicURL: String? = nil,
        database: String, dataFolder: String, limits: TrellisLimits = TrellisLimits(), rules: VineRules = VineRules(),
        auditDays: Int? = nil
    ) {
        self.host = host
        self.port = port
        self.tls = tls
        self.publicURL = publicURL
        self.database = database
        self.dataFolder = dataFolder
        self.limits = limits
        self.rules = rules
        self.auditDays = auditDays
    }

    /// True for an address that only this machine reaches.
    public var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }
}

/// The limits of client requests, in bytes.
public struct TrellisLimits: Sendable {
    public var log: LogLimits
    /// A vine with its inline files.
    public var vineBytes: Int
    public var stateBytes: Int
    public var artifactBytes: Int
    /// What is stored of a job's metadata; a report with more is cut to it.
    public var metadataBytes: Int
    /// A report of a Tendril.
    public var reportBytes: Int
    public var feed: FeedLimits
    public var realtime: RealtimeLimits
    public var webSocket: WebSocketLimits
    /// Their number is lowered to what the system's limit on open files leaves room for.
    public var connections: ConnectionLimits
    public var search: SearchLimits
    public var streams: StreamLimits
    public var appends: AppendRate
    /// When a job is given up.
    public var leases: LeaseLimits

    public init(
        log: LogLimits = .standard, vineBytes: Int = 8 << 20, stateBytes: Int = 64 << 20,
        artifactBytes: Int = 64 << 20, metadataBytes: Int = JobMetadata.storedBytes,
        reportBytes: Int = 16 << 20, feed: FeedLimits = FeedLimits(),
        realtime: RealtimeLimits = RealtimeLimits(), webSocket: WebSocketLimits = RealtimeLimits.webSocket,
        connections: ConnectionLimits = TrellisLimits.connections, search: SearchLimits = SearchLimits(),
        streams: StreamLimits = StreamLimits(), appends: AppendRate = AppendRate(),
        leases: LeaseLimits = LeaseLimits()
    ) {
        self.log = log
        self.vineBytes = vineBytes
        self.stateBytes = stateBytes
        self.artifactBytes = artifactBytes
        self.metadataBytes = metadataBytes
        self.reportBytes = reportBytes
        self.feed = feed
        self.realtime = realtime
        self.webSocket = webSocket
        self.connections = connections
        self.search = search
        self.streams = streams
        self.appends = appends
        self.leases = leases
    }

    /// All followers, of both kinds, and room for everybody else.
    public static var connections: ConnectionLimits {
        var limits = ConnectionLimits()
        limits.connections = 8192
        return limits
    }
}
