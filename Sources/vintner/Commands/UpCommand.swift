internal import ArgumentParser
internal import Domain
internal import Foundation
internal import ServiceLifecycle
internal import SystemCalls
internal import Tendril
internal import UnixSignals
internal import Wire

struct UpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up",
        abstract: "Run everything on this machine: Trellis, Tendrils and an SQLite database in one folder.")

    @OptionGroup var server: ServerOptions
    @Option(help: "Number of local Tendrils.") var tendrils = 1
    @Option(help: "Folder with Terraform files to plan at the first start, while there is no vine yet.") var example:
        [String] = []
    @OptionGroup var care: StopOptions
    @OptionGroup var logging: LoggingOptions

    mutating func validate() throws {
        guard (0...32).contains(tendrils) else { throw ValidationError("--tendrils is 0 to 32.") }
    }

    func run() async throws {
        Posix.becomePrivate()
        // Children and engines work in other folders.
        var server = server
        server.data = URL(fileURLWithPath: server.data).standardizedFileURL.path
        try FileManager.default.createDirectory(
            atPath: server.data, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        guard let lock = try FileLock.take(server.data + "/up.lock") else {
            throw CommandFailure("Another \"vintner up\" uses \(server.data).")
        }
        let logger = logging.makeLogger("up")
        if let user = care.runAs { _ = try EngineUser(named: user) }
        let port = try server.port == 0 ? FreePort.find(host: server.host) : server.port
        let examples = example
        let conductor = UpService(
            options: server, port: port, tendrils: tendrils, care: care, logLevel: logging.logLevel, logger: logger
        ) { client in
            try await Self.printSignInLink(client, examples: examples)
        }
        var group = ServiceGroupConfiguration(
            services: [.init(service: conductor, successTerminationBehavior: .gracefullyShutdownGroup)],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        group.maximumGracefulShutdownDuration = .seconds(20 + care.drain)
        try await ServiceGroup(configuration: group).run()
        withExtendedLifetime(lock) {}
    }

    /// Plans the first example if there is no vine yet, and prints a sign-in link.
    @Sendable
    private static func printSignInLink(_ client: VintnerClient, examples: [String]) async throws {
        let vines = try await client.call(VineEndpoints.list, query: [VineEndpoints.List.limit(1)])
        if vines.items.isEmpty {
            var first: VineResponse?
            for folder in examples {
                let vine = try await VineFolder(folder).upload(to: client)
                first = first ?? vine
            }
            if let first {
                _ = try await client.call(
                    JobEndpoints.create, sending: CreateJobRequest(jobType: .plan, vineId: first.id))
            }
        }
        let link = try await client.call(AccessEndpoints.createLink, sending: SignInLinkRequest())
        // `print` would buffer the text if stdout is a pipe.
        let welcome = """

            Vintner runs at \(client.url)
            Sign in (one use, 10 minutes): \(link.url)
            Another link: vintner sign-in-url. To stop: Ctrl-C.

            """
        FileHandle.standardOutput.write(Data((welcome + "\n").utf8))
    }
}
