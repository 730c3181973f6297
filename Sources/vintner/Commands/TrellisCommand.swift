internal import ArgumentParser
internal import CoreMetrics
internal import Domain
internal import Foundation
internal import Logging
internal import Prometheus
internal import ServiceLifecycle
internal import SystemCalls
internal import Tendril
internal import Trellis
internal import UnixSignals

/// What `--allow-file-git` means, for the server and for Tendrils.
enum AllowFileGit {
    static let help = ArgumentHelp(
        "Allow git sources on this machine's disk (file:///PATH).",
        discussion: """
            For tests, and for a Vintner with a single user: anybody who may create a vine can then read every \
            repository that the Tendril can. Trellis and the Tendril both need the flag; "vintner up" passes it on.
            """)
}

/// Options of the server, the same for `vintner trellis` and `vintner up`.
struct ServerOptions: ParsableArguments {
    @Option(help: "Folder for the database, the key, and the admin token.") var data = "data"
    @Option(help: "Address to listen on. Other than loopback, it needs TLS or a proxy.") var host = "127.0.0.1"
    @Option(help: "Port to listen on; 0 for any free one.") var port = 8080
    @Option(help: "PEM file with the certificate chain.") var tlsCert: String?
    @Option(help: "PEM file with the certificate's key.") var tlsKey: String?
    @Option(help: "Public URL of the proxy in front, such as https://vintner.example.com.") var behindProxy: String?
    @Option(help: "Days that audit events are kept; all are kept if it is not given.") var auditDays: Int?
    @Flag(help: AllowFileGit.help) var allowFileGit = false
    @OptionGroup var providers: ProviderOptions
    @OptionGroup var identity: IssuerOptions

    mutating func validate() throws {
        guard (tlsCert == nil) == (tlsKey == nil) else { throw ValidationError("Give both --tls-cert and --tls-key.") }
        guard (0...65535).contains(port) else { throw ValidationError("--port is 0 to 65535.") }
        guard auditDays.map({ (1...36_500).contains($0) }) ?? true else {
            throw ValidationError("--audit-days is 1 to 36500.")
        }
    }

    func configuration(database: String?, port: Int) throws -> TrellisConfiguration {
        var tls: TrellisConfiguration.TLSFiles?
        if let tlsCert, let tlsKey { tls = .init(certificate: tlsCert, key: tlsKey) }
        var configuration = TrellisConfiguration(
            host: host, port: port, tls: tls, publicURL: behindProxy,
            database: database ?? "sqlite:\(data)/vintner.sqlite", dataFolder: data,
            rules: VineRules(allowsFileURLs: allowFileGit), auditDays: auditDays)
        configuration.providers = try providers.read()
        configuration.issuer = try identity.configuration()
        configuration.groupsInterval = Int64(providers.oidcRefresh) * 1000
        return configuration
    }

    /// How this machine reaches the server.
    func localURL(port: Int) -> String {
        let name = host == "0.0.0.0" || host == "::" ? "127.0.0.1" : host.contains(":") ? "[\(host)]" : host
        return "\(tlsCert == nil ? "http" : "https")://\(name):\(port)"
    }
}

struct TrellisCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trellis", abstract: "Run the control plane alone: API, dashboard, live feed, database.")

    @OptionGroup var server: ServerOptions
    @Option(
        help: ArgumentHelp(
            "Database as sqlite:PATH (default: DATA/vintner.sqlite) or postgres://USER@HOST/NAME.",
            discussion: """
                A PostgreSQL address is read as libpq reads it: several hosts, sslmode, passfile, and what it leaves open \
                from PGPASSWORD and its other environment variables. It must not contain a password.
                """))
    var database: String?
    @Option(
        help: ArgumentHelp(
            "File with the key that all nodes of a PostgreSQL database share; allows several nodes.",
            discussion: """
                Make it once with "openssl rand -base64 32", or use the secret.key of the first node's data folder.
                """))
    var secretKeyFile: String?
    @Option(
        help: ArgumentHelp(
            "Seconds to go on after SIGTERM while /readyz says no, so that a load balancer stops sending.",
            discussion: "Set it above the time that the load balancer needs to notice. Streams end after it."))
    var drain = 0
    @OptionGroup var logging: LoggingOptions

    mutating func validate() throws {
        guard (0...3600).contains(drain) else { throw ValidationError("--drain is 0 to 3600 seconds.") }
    }

    func run() async throws {
        Posix.becomePrivate()
        // The database and what else is made is for the owner alone.
        umask(0o077)
        let logger = logging.makeLogger("trellis")
        let port = try server.port == 0 ? FreePort.find(host: server.host) : server.port
        let (folder, url) = (LocalFolder(server.data), server.localURL(port: port))
        var configuration = try server.configuration(database: database, port: port)
        let metrics = PrometheusRegistry(ServerMetrics.families)
        MetricsSystem.bootstrap(metrics)
        configuration.metrics = metrics
        configuration.secretKeyFile = secretKeyFile
        configuration.drain = .seconds(drain)
        let trellis = try await TrellisApplication(
            configuration, logger: logger,
            onListening: { _ in
                // For the command line on this machine.
                try? folder.write(url, to: "address")
            })
        var group = ServiceGroupConfiguration(
            services: [.init(service: trellis)], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        group.maximumGracefulShutdownDuration = .seconds(drain + 5)
        try await ServiceGroup(configuration: group).run()
    }
}

/// How much is logged; to stderr, never a secret.
struct LoggingOptions: ParsableArguments {
    @Option(help: "trace, debug, info, notice, warning, or error.") var logLevel = "notice"

    mutating func validate() throws {
        guard Logger.Level(rawValue: logLevel) != nil else { throw ValidationError("--log-level is not a level.") }
    }

    func makeLogger(_ label: String) -> Logger {
        var logger = Logger(label: label) { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = Logger.Level(rawValue: logLevel) ?? .notice
        return logger
    }
}
