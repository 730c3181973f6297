internal import ArgumentParser
internal import Domain
internal import Foundation
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import ServiceLifecycle
internal import SystemCalls
internal import Wire

/// `vintner up`: keeps one Trellis and K Tendrils running, as processes of their own.
///
/// One that ends is started again after a growing pause. On shutdown they are terminated, Tendrils first; engines keep
/// running on under their supervisors and are resumed at the next start.
struct UpService: Service {
    var options: ServerOptions
    var port: Int
    var tendrils: Int
    var care: StopOptions
    var logLevel: String
    var logger: Logger
    /// Called once everything runs.
    var onReady: @Sendable (VintnerClient) async throws -> Void

    /// The shutdown timeout of a process before SIGKILL.
    static let patience = Duration.seconds(8)

    private var folder: LocalFolder { LocalFolder(options.data) }

    func run() async throws {
        try FileManager.default.createDirectory(atPath: "\(options.data)/run", withIntermediateDirectories: true)
        for name in ["trellis"] + (1...max(1, tendrils)).map(Self.tendrilName) {
            await pidFile(name).terminateLeftover()
        }
        let (stop, stopped) = AsyncStream<Void>.makeStream()
        try await withGracefulShutdownHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                let trellis = RestartingProcess(name: "trellis", logger: logger) { try startTrellis() }
                group.addTask { try await trellis.run() }
                let keepers = try await startTendrils(trellis, in: &group)
                for await _ in stop { break }
                // Tendrils first, so they can report that they are draining.
                await withTaskGroup { stopping in for keeper in keepers { stopping.addTask { await keeper.stop() } } }
                await trellis.stop()
                group.cancelAll()
            }
        } onGracefulShutdown: {
            stopped.finish()
        }
    }

    private func startTendrils(
        _ trellis: RestartingProcess, in group: inout ThrowingTaskGroup<Void, any Error>
    ) async throws -> [RestartingProcess] {
        guard let client = try await waitUntilReady(trellis) else { return [] }
        var keepers: [RestartingProcess] = []
        for number in 0..<tendrils {
            let name = Self.tendrilName(number + 1)
            let credentials = try await credentials(name, client)
            let keeper = RestartingProcess(
                name: name, logger: logger, patience: Self.patience + .seconds(care.drain),
                mayRestart: { await mayRestart(name, credentials, client.url) }
            ) {
                try startTendril(name, credentials, client.url)
            }
            group.addTask { try await keeper.run() }
            keepers.append(keeper)
        }
        group.addTask { try await onReady(client) }
        return keepers
    }

    /// The client, once Trellis answers; nil if it was stopped before. - Throws: if it does not come up.
    private func waitUntilReady(_ trellis: RestartingProcess) async throws -> VintnerClient? {
        let deadline = ContinuousClock.now.advanced(by: .seconds(30))
        while ContinuousClock.now < deadline, !Task.isShuttingDownGracefully {
            if let token = folder.read("admin.token") {
                let client = try VintnerClient(url: options.localURL(port: port), token: token)
                if await client.isReady() { return client }
            }
            if trellis.failures > 2 { throw ExitCode(1) }
            try await Task.sleep(for: .milliseconds(20))
        }
        if Task.isShuttingDownGracefully { return nil }
        throw CommandFailure("Trellis did not answer within 30 seconds.")
    }

    private func credentials(_ name: String, _ client: VintnerClient) async throws -> RegisterWorkerResponse {
        let file = "\(options.data)/tendrils/\(name)/credentials.json"
        if let data = FileManager.default.contents(atPath: file) {
            let stored = try WireJSON.decode(RegisterWorkerResponse.self, from: data)
            if try await isRegistered(stored.workerId, client) { return stored }
            logger.notice("\(name) was revoked, or the database is another one; registering it again")
        }
        let worker = try await client.call(
            TendrilEndpoints.register, sending: RegisterWorkerRequest(name: name))
        try FileManager.default.createDirectory(
            atPath: "\(options.data)/tendrils/\(name)", withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700])
        guard
            FileManager.default.createFile(
                atPath: file, contents: try WireJSON.encode(worker), attributes: [.posixPermissions: 0o600])
        else { throw CommandFailure("\(file) can't be written.") }
        return worker
    }

    private func isRegistered(_ id: TendrilID, _ client: VintnerClient) async throws -> Bool {
        try await client.call(TendrilEndpoints.list).items.contains { $0.id == id }
    }

    /// False for a Tendril that was revoked meanwhile.
    private func mayRestart(_ name: String, _ credentials: RegisterWorkerResponse, _ url: String) async -> Bool {
        // The admin token may have been replaced since the start.
        guard let token = folder.read("admin.token"), let client = try? VintnerClient(url: url, token: token),
            let isRegistered = try? await isRegistered(credentials.workerId, client), !isRegistered
        else { return true }
        logger.error("\(name) was revoked and stays stopped. Restart \"vintner up\" to register it again.")
        return false
    }

    private func startTrellis() throws -> ServerProcess {
        var arguments = [
            "trellis", "--data", options.data, "--host", options.host, "--port", String(port), "--log-level", logLevel,
        ]
        if let cert = options.tlsCert, let key = options.tlsKey { arguments += ["--tls-cert", cert, "--tls-key", key] }
        if let proxy = options.behindProxy { arguments += ["--behind-proxy", proxy] }
        if let days = options.auditDays { arguments += ["--audit-days", String(days)] }
        if options.allowFileGit { arguments.append("--allow-file-git") }
        arguments += options.providers.arguments + options.identity.arguments
        return try ServerProcess(
            "trellis", arguments: arguments, environment: ProcessInfo.processInfo.environment,
            pidFile: pidFile("trellis"))
    }

    private func startTendril(_ name: String, _ credentials: RegisterWorkerResponse, _ url: String) throws
        -> ServerProcess
    {
        var environment = ProcessInfo.processInfo.environment
        environment["TRELLIS_URL"] = url
        environment["TENDRIL_ID"] = credentials.workerId.rawValue
        environment["TENDRIL_TOKEN"] = credentials.workerToken
        // All share one run root, so each can apply another's plan.
        var arguments = [
            "tendril", "--work-dir", "\(options.data)/tendrils/\(name)", "--run-root", runRoot,
            "--log-level", logLevel,
        ]
        arguments += care.arguments
        if options.allowFileGit { arguments.append("--allow-file-git") }
        return try ServerProcess(name, arguments: arguments, environment: environment, pidFile: pidFile(name))
    }

    /// One for all Tendrils. Another user gets nowhere into the data folder, so engines that run as one work beside it.
    private var runRoot: String { care.runAs == nil ? "\(options.data)/vines" : "\(options.data)-vines" }

    private func pidFile(_ name: String) -> PidFile { PidFile("\(options.data)/run/\(name).pid") }

    private static func tendrilName(_ number: Int) -> String { "tendril-\(number)" }
}

/// Asks the system for a free port.
enum FreePort {
    static func find(host: String) throws -> Int {
        let channel = try ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton).bind(host: host, port: 0).wait()
        defer { try? channel.close().wait() }
        guard let port = channel.localAddress?.port else { throw CommandFailure("No free port on \(host).") }
        return port
    }
}
