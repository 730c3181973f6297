internal import ArgumentParser
internal import Domain
internal import Foundation
internal import Logging
internal import ServiceLifecycle
internal import Tendril
internal import Trellis
internal import UnixSignals

struct TendrilCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tendril",
        abstract: "Run an agent that claims jobs and runs Terraform.",
        discussion: "Takes TRELLIS_URL, TENDRIL_ID and TENDRIL_TOKEN from the environment.")

    @Option(help: "The Tendril's own folder (or TENDRIL_DIR).") var workDir: String?
    @Option(help: "The folder of the vines' working folders; WORK_DIR/vines where absent.") var runRoot: String?
    @Option(help: "How many jobs at a time.") var slots = 1
    @Option(help: "A folder to look for engines in, before the PATH.") var engineFolder: [String] = []
    @Option(help: "A name of this environment that engines get too.") var passEnv: [String] = []
    @Option(help: "Seconds from the first SIGINT of a cancel to the second.") var secondInterruptAfter = 300
    @Option(help: "Seconds from there to SIGKILL.") var killAfter = 60
    @Flag(help: "Allow file:// git sources (for tests).") var allowFileGit = false
    @OptionGroup var logging: LoggingOptions

    func run() async throws {
        var service = try TendrilRunner(configuration: configuration(), logger: logging.makeLogger("tendril"))
        service.logger[metadataKey: "tendril"] = "\(service.configuration.id.short)"
        var group = ServiceGroupConfiguration(
            services: [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: service.logger)
        group.maximumGracefulShutdownDuration = .seconds(10)
        try await ServiceGroup(configuration: group).run()
    }

    private func configuration() throws -> TendrilConfiguration {
        let environment = ProcessInfo.processInfo.environment
        guard let url = environment["TRELLIS_URL"], let id = environment["TENDRIL_ID"].flatMap({ TendrilID($0) }),
            let token = environment["TENDRIL_TOKEN"]
        else { throw ValidationError("Set TRELLIS_URL, TENDRIL_ID and TENDRIL_TOKEN.") }
        let folder = workDir ?? environment["TENDRIL_DIR"] ?? "tendril"
        var configuration = TendrilConfiguration(
            trellisURL: url, id: id, token: token, version: VintnerVersion.current, workDir: folder,
            runRoot: runRoot ?? folder + "/vines")
        guard (1...256).contains(slots) else { throw ValidationError("--slots is 1 to 256.") }
        configuration.slots = slots
        configuration.engineFolders = engineFolder
        configuration.passEnvironment = passEnv
        configuration.secondInterruptAfter = .seconds(secondInterruptAfter)
        configuration.killAfter = .seconds(killAfter)
        configuration.allowFileGit = allowFileGit
        return configuration
    }
}

/// The Tendril as a service: a signal cancels it, and it lets go of its jobs within seconds.
struct TendrilRunner: Service {
    var configuration: TendrilConfiguration
    var logger: Logger

    func run() async throws {
        let service = TendrilService(configuration: configuration, logger: logger)
        try await cancelWhenGracefulShutdown { try await service.run() }
    }
}
