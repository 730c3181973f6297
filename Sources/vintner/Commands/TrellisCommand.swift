internal import ArgumentParser
internal import Domain
internal import Foundation
internal import Logging
internal import ServiceLifecycle
internal import Tendril
internal import Trellis
internal import UnixSignals

/// Options of the server, the same for `vintner trellis` and `vintner up`.
struct ServerOptions: ParsableArguments {
    @Option(help: "The folder for the database, the key and the admin token.") var data = "data"
    @Option(help: "The address to listen on. One that is not loopback needs TLS or a proxy.") var host = "127.0.0.1"
    @Option(help: "The port; 0 takes a free one.") var port = 8080
    @Option(help: "PEM file of the certificate chain.") var tlsCert: String?
    @Option(help: "PEM file of the certificate's key.") var tlsKey: String?
    @Option(help: "The address of the proxy in front: https://vintner.example.com.") var behindProxy: String?
    @Flag(help: "Allow file:// git sources (for tests).") var allowFileGit = false

    mutating func validate() throws {
        guard (tlsCert == nil) == (tlsKey == nil) else { throw ValidationError("Give both --tls-cert and --tls-key.") }
        guard (0...65535).contains(port) else { throw ValidationError("--port is 0 to 65535.") }
    }

    func configuration(database: String?, port: Int) -> TrellisConfiguration {
        var tls: TrellisConfiguration.TLSFiles?
        if let tlsCert, let tlsKey { tls = .init(certificate: tlsCert, key: tlsKey) }
        return TrellisConfiguration(
            host: host, port: port, tls: tls, publicURL: behindProxy,
            database: database ?? "sqlite:\(data)/vintner.sqlite", dataFolder: data,
            rules: VineRules(allowsFileURLs: allowFileGit))
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
    @Option(help: "sqlite:PATH; DATA/vintner.sqlite where absent.") var database: String?
    @OptionGroup var logging: LoggingOptions

    func run() async throws {
        ProcessPrivacy.begin()
        // The database and what else is made is for the owner alone.
        umask(0o077)
        let logger = logging.makeLogger("trellis")
        let port = try server.port == 0 ? FreePort.find(host: server.host) : server.port
        let (folder, url) = (LocalFolder(server.data), server.localURL(port: port))
        let trellis = try await TrellisApplication(
            server.configuration(database: database, port: port), logger: logger,
            onListening: { _ in
                // For the command line on this machine.
                try? folder.write(url, to: "address")
            })
        var group = ServiceGroupConfiguration(
            services: [.init(service: trellis)], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        group.maximumGracefulShutdownDuration = .seconds(5)
        try await ServiceGroup(configuration: group).run()
    }
}

/// How much is logged; to stderr, never a secret.
struct LoggingOptions: ParsableArguments {
    @Option(help: "trace, debug, info, notice, warning or error.") var logLevel = "notice"

    mutating func validate() throws {
        guard Logger.Level(rawValue: logLevel) != nil else { throw ValidationError("--log-level is not a level.") }
    }

    func makeLogger(_ label: String) -> Logger {
        var logger = Logger(label: label) { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = Logger.Level(rawValue: logLevel) ?? .notice
        return logger
    }
}
