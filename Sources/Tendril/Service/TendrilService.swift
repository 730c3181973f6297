import Domain
import Foundation
public import Logging
import Synchronization
import SystemCalls

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A Tendril: claims jobs from Trellis and runs them on this machine.
public struct TendrilService: Sendable {
    private let configuration: TendrilConfiguration
    private let logger: Logger
    private let drain = DrainSwitch()
    private let services: @Sendable (any TrellisClient, TendrilConfiguration, ServerClock) -> any JobServicesFactory

    public init(configuration: TendrilConfiguration, logger: Logger) {
        self.init(configuration: configuration, logger: logger, services: makeJobServices)
    }

    init(
        configuration: TendrilConfiguration, logger: Logger,
        services: @escaping @Sendable (any TrellisClient, TendrilConfiguration, ServerClock) -> any JobServicesFactory
    ) {
        self.configuration = configuration
        self.logger = logger
        self.services = services
    }

    /// Takes nothing new from now on; ``run()`` returns once the jobs that it has are done.
    public func startDraining() { drain.turn() }

    /// Runs until the task is canceled, then returns within seconds: no more jobs are claimed, and running engines
    /// go on without it. The next start with the same folder resumes them.
    ///
    /// - Throws: ``TendrilStartError``.
    public func run() async throws {
        warnAboutTheUser()
        Posix.raiseOpenFileLimit(to: Self.openFiles)
        let workDir = configuration.workDir
        let lock = try Self.claim(workDir)
        defer { withExtendedLifetime(lock) {} }
        let trellis = HTTPTrellisClient(
            url: configuration.trellisURL, id: configuration.id, token: configuration.token,
            version: configuration.version, ambient: .system, sleeper: .system, logger: logger)
        let clock = ServerClock()
        let host = try makeHost(trellis, clock)
        for engine in await host.engines.find() {
            logger.info("\(engine.engine.name) \(engine.engine.version) at \(engine.path)")
        }
        let dispatcher = Dispatcher(configuration: configuration, host: host, clock: clock)
        drain.onTurn { dispatcher.drain() }
        await dispatcher.run()
        await trellis.shutdown()
        if let failure = dispatcher.failure { throw failure }
    }

    /// The limit on open files that it asks for. Each job and each request takes a few, and many systems begin with 1024.
    private static let openFiles = 65_536

    /// A vine's code can do what its user can; the operator should know which user that is.
    private func warnAboutTheUser() {
        if let user = configuration.runAs { return logger.info("engines run as \(user.name)") }
        if geteuid() == 0 {
            logger.warning("engines run as root, and can read and change everything on this machine: use --run-as USER")
        } else {
            logger.notice(
                "engines run as the Tendril's own user, and can read what it can read (docs/threat-model.md, --run-as)")
        }
    }

    /// Takes the Tendril's folder for this process.
    static func claim(_ workDir: String) throws(TendrilStartError) -> FileLock {
        do {
            try Files.makeFolder(workDir)
            if let lock = try FileLock.take("\(workDir)/tendril.lock") { return lock }
        } catch {
            throw TendrilStartError(description: "The Tendril's folder can't be used: \(error).")
        }
        throw TendrilStartError(
            description: "Another Tendril uses \(workDir). Give this one its own folder.")
    }

    /// The machine's name, without asking the network for it.
    private static var machine: String {
        let name = (try? Files.read("/proc/sys/kernel/hostname")).flatMap { $0 }
        return name.map { String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines) }
            ?? "linux"
    }

    /// The user must get through the run root, and into nothing else of ours.
    private func prepare(for user: EngineUser, plugins: String) throws {
        let root = configuration.runRoot
        guard user.canReach(root + "/x") || user.canReach(root) && chmod(root, 0o711) == 0 else {
            throw TendrilStartError(
                description:
                    "\(user.name) can't enter \(root), because of the mode of a folder above it: choose another "
                    + "--run-root, such as /var/lib/vintner-vines.")
        }
        for folder in [plugins, "\(root)/.jobs"] { try Files.makeFolder(folder) }
        guard chmod("\(root)/.jobs", 0o711) == 0 else { throw FileError.last("\(root)/.jobs") }
        try EngineUser.makePassableFolder("\(root)/\(IdentityFiles.folderName)")
        if Files.kind(of: plugins) == .folder { try user.ownAlone(plugins) }
    }

    private func makeHost(_ trellis: any TrellisClient, _ clock: ServerClock) throws(TendrilStartError) -> JobContext {
        if let name = configuration.passEnvironment.first(where: EnvironmentRules.isRefusedForOperator),
            let sentence = EnvironmentRules.refusal(of: name)
        {
            throw TendrilStartError(description: "--pass-env: \(sentence)")
        }
        var own = ProcessInfo.processInfo.environment
        var plugins = "\(configuration.workDir)/plugins"
        do {
            try Files.makeFolder(configuration.runRoot)
            if let user = configuration.runAs {
                plugins = "\(configuration.runRoot)/.plugins"
                (own["HOME"], own["USER"], own["LOGNAME"]) = (user.home, user.name, user.name)
                try prepare(for: user, plugins: plugins)
            }
        } catch let error as TendrilStartError {
            throw error
        } catch {
            throw TendrilStartError(description: "The run root can't be used: \(error).")
        }
        let environment = EngineEnvironment(
            own: own, passed: configuration.passEnvironment, pluginCache: plugins,
            fileExists: { Files.fingerprint($0) != nil })
        return JobContext(
            trellis: trellis, services: services(trellis, configuration, clock),
            engines: EngineFinder(folders: configuration.engineFolders, environment: environment.base),
            environment: environment, workDir: configuration.workDir, runRoot: configuration.runRoot,
            worker: configuration.id, name: "Tendril \(configuration.id.short) on \(Self.machine)",
            allowFileGit: configuration.allowFileGit,
            gitLimits: .init(
                resolving: min(.seconds(60), configuration.gitTimeout), fetching: configuration.gitTimeout),
            user: configuration.runAs,
            artifactLimit: configuration.artifactLimit,
            lockPatience: configuration.lockPatience,
            cloud: HTTPCloudExchange(endpoints: CloudEndpoints(environment: own)), logger: logger)
    }
}

/// Turned once, perhaps before there is a handler.
private final class DrainSwitch: Sendable {
    private struct State {
        var isTurned = false
        var handler: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    func turn() {
        let handler = state.withLock { state in
            state.isTurned = true
            return state.handler
        }
        handler?()
    }

    func onTurn(_ handler: @escaping @Sendable () -> Void) {
        let isTurned = state.withLock { state in
            state.handler = handler
            return state.isTurned
        }
        if isTurned { handler() }
    }
}
