internal import ArgumentParser
internal import Domain
internal import Foundation
internal import Logging
internal import ServiceLifecycle
internal import SystemCalls
internal import Tendril
internal import Trellis
internal import UnixSignals

/// Options for a Tendril's jobs, the same for `vintner tendril` and the Tendrils of `vintner up`.
struct StopOptions: ParsableArguments {
    @Option(help: "Seconds from the first SIGINT of a cancel to the second.") var secondInterruptAfter = 300
    @Option(help: "Seconds from the second SIGINT of a cancel to SIGKILL.") var killAfter = 60
    @Option(help: "MiB of a job's output that may wait for Trellis; beyond that, the middle of the log is dropped.")
    var maxUnshipped = 2048
    @Option(help: "Seconds that one git command may take; finding a branch may take 60 of them.") var gitTimeout = 600
    @Option(
        help: """
            Seconds that a stopped Tendril (SIGTERM) waits for its jobs; then, and at once with 0, they run on and are \
            taken up at the next start.
            """)
    var drain = 0
    @Option(help: "Run engines as this user; only root can.") var runAs: String?

    mutating func validate() throws {
        guard (1...86_400).contains(secondInterruptAfter), (1...86_400).contains(killAfter) else {
            throw ValidationError("--second-interrupt-after and --kill-after are 1 to 86400 seconds.")
        }
        guard (0...86_400).contains(drain) else { throw ValidationError("--drain is 0 to 86400 seconds.") }
        guard (1...1_048_576).contains(maxUnshipped) else { throw ValidationError("--max-unshipped is 1 to 1048576.") }
        guard (1...86_400).contains(gitTimeout) else { throw ValidationError("--git-timeout is 1 to 86400 seconds.") }
    }

    /// The same, for another process of this program.
    var arguments: [String] {
        [
            "--second-interrupt-after", "\(secondInterruptAfter)", "--kill-after", "\(killAfter)", "--max-unshipped",
            "\(maxUnshipped)", "--git-timeout", "\(gitTimeout)", "--drain", "\(drain)",
        ] + (runAs.map { ["--run-as", $0] } ?? [])
    }
}

struct TendrilCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tendril",
        abstract: "Run an agent that claims jobs and runs Terraform.",
        discussion: "Takes TRELLIS_URL, TENDRIL_ID and TENDRIL_TOKEN from the environment.")

    @Option(help: "Folder for the Tendril's own files (or TENDRIL_DIR).") var workDir: String?
    @Option(help: "Folder for the vines' working folders (default: WORK_DIR/vines).") var runRoot: String?
    @Option(help: "Maximum number of jobs at a time.") var slots = 1
    @Option(help: "Folder to look for terraform and tofu in, before the PATH (repeatable).") var engineFolder:
        [String] = []
    @Option(help: "Environment variable to pass to Terraform (repeatable).") var passEnv: [String] = []
    @OptionGroup var care: StopOptions
    @Flag(help: AllowFileGit.help) var allowFileGit = false
    @OptionGroup var logging: LoggingOptions

    func run() async throws {
        Posix.becomePrivate()
        var service = try TendrilRunner(
            configuration: configuration(), drain: .seconds(care.drain), logger: logging.makeLogger("tendril"))
        service.logger[metadataKey: "tendril"] = "\(service.configuration.id.short)"
        var group = ServiceGroupConfiguration(
            services: [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: service.logger)
        group.maximumGracefulShutdownDuration = .seconds(10 + care.drain)
        try await ServiceGroup(configuration: group).run()
    }

    private func configuration() throws -> TendrilConfiguration {
        let environment = ProcessInfo.processInfo.environment
        guard let url = environment["TRELLIS_URL"], let id = environment["TENDRIL_ID"].flatMap({ TendrilID($0) }),
            let token = environment["TENDRIL_TOKEN"]
        else { throw CommandFailure("Set TRELLIS_URL, TENDRIL_ID, and TENDRIL_TOKEN.") }
        let folder = workDir ?? environment["TENDRIL_DIR"] ?? "tendril"
        var configuration = TendrilConfiguration(
            trellisURL: url, id: id, token: token, version: VintnerVersion.current, workDir: folder,
            runRoot: runRoot ?? folder + "/vines")
        guard (1...256).contains(slots) else { throw ValidationError("--slots is 1 to 256.") }
        configuration.slots = slots
        if let user = care.runAs { configuration.runAs = try EngineUser(named: user) }
        configuration.unshippedLimit = Int64(care.maxUnshipped) << 20
        configuration.engineFolders = engineFolder
        configuration.passEnvironment = passEnv
        configuration.secondInterruptAfter = .seconds(care.secondInterruptAfter)
        configuration.killAfter = .seconds(care.killAfter)
        configuration.allowFileGit = allowFileGit
        configuration.gitTimeout = .seconds(care.gitTimeout)
        return configuration
    }
}

/// The Tendril as a service: after a signal it takes nothing new, waits for its jobs as long as it was told to, and
/// lets go of the others.
struct TendrilRunner: Service {
    var configuration: TendrilConfiguration
    var drain: Duration
    var logger: Logger

    func run() async throws {
        let service = TendrilService(configuration: configuration, logger: logger)
        let work = Task { try await service.run() }
        try await withTaskCancellationHandler {
            try await withGracefulShutdownHandler {
                try await work.value
            } onGracefulShutdown: { [drain, logger] in
                guard drain > .zero else { return work.cancel() }
                logger.notice("draining: nothing new is taken, and the jobs that run have \(drain) to end")
                service.startDraining()
                Task {
                    try? await Task.sleep(for: drain)
                    work.cancel()
                }
            }
        } onCancel: {
            work.cancel()
        }
    }
}
