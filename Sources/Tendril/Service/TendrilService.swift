import Domain
import Foundation
public import Logging

/// A Tendril: claims jobs from Trellis and runs them on this machine.
public struct TendrilService: Sendable {
    private let configuration: TendrilConfiguration
    private let logger: Logger
    private let equipment: @Sendable (any TrellisCalling, TendrilConfiguration, ServerClock) -> any JobEquipping

    public init(configuration: TendrilConfiguration, logger: Logger) {
        self.init(configuration: configuration, logger: logger, equipment: makeEquipment)
    }

    init(
        configuration: TendrilConfiguration, logger: Logger,
        equipment: @escaping @Sendable (any TrellisCalling, TendrilConfiguration, ServerClock) -> any JobEquipping
    ) {
        self.configuration = configuration
        self.logger = logger
        self.equipment = equipment
    }

    /// Runs until the task is cancelled, then returns within seconds: nothing more is claimed, and engines that run
    /// go on without it. The next start with the same folder takes them up.
    ///
    /// - Throws: ``TendrilStartError``.
    public func run() async throws {
        let workDir = configuration.workDir
        let lock = try Self.claim(workDir)
        defer { withExtendedLifetime(lock) {} }
        let trellis = HTTPTrellis(
            url: configuration.trellisURL, id: configuration.id, token: configuration.token,
            version: configuration.version, ambient: .system, pacing: .system, logger: logger)
        let clock = ServerClock()
        let host = try makeHost(trellis, clock)
        for engine in await host.engines.find() {
            logger.info("\(engine.engine.name) \(engine.engine.version) at \(engine.path)")
        }
        await Dispatcher(configuration: configuration, host: host, clock: clock).run()
        await trellis.shutdown()
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
            description: "Another Tendril is running in \(workDir); give this one a folder of its own.")
    }

    /// The machine's name, without asking the network for it.
    private static var machine: String {
        let name = (try? Files.read("/proc/sys/kernel/hostname")).flatMap { $0 }
        return name.map { String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines) }
            ?? "linux"
    }

    private func makeHost(_ trellis: any TrellisCalling, _ clock: ServerClock) throws(TendrilStartError) -> JobHost {
        let environment = EngineEnvironment(
            own: ProcessInfo.processInfo.environment, passed: configuration.passEnvironment,
            pluginCache: "\(configuration.workDir)/plugins", fileExists: { Files.fingerprint($0) != nil })
        do { try Files.makeFolder(configuration.runRoot) } catch {
            throw TendrilStartError(description: "The run root can't be used: \(error).")
        }
        return JobHost(
            trellis: trellis, equipment: equipment(trellis, configuration, clock),
            engines: EngineFinder(folders: configuration.engineFolders, environment: environment.base),
            environment: environment, workDir: configuration.workDir, runRoot: configuration.runRoot,
            worker: configuration.id, name: "Tendril \(configuration.id.short) on \(Self.machine)",
            allowFileGit: configuration.allowFileGit,
            gitLimits: .init(
                resolving: min(.seconds(60), configuration.gitTimeout), fetching: configuration.gitTimeout),
            artifactLimit: configuration.artifactLimit,
            lockPatience: configuration.lockPatience, logger: logger)
    }
}
