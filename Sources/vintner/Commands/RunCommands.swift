internal import ArgumentParser
internal import Domain
internal import Foundation
internal import Wire

/// Options of every command that makes a job.
struct FollowOptions: ParsableArguments {
    @Flag(help: "Print the log until the job has ended; fails if the job did.") var follow = false
    @Option(help: "The Tendril to run it: its id. Any available one otherwise.") var tendril: String?

    func worker() throws -> TendrilID? {
        guard let tendril else { return nil }
        guard let id = TendrilID(tendril) else { throw ValidationError("\"\(tendril)\" is not a Tendril's id.") }
        return id
    }

    /// Says where the job is, and follows it if asked to.
    func finish(_ job: JobRecord, _ client: VintnerClient) async throws {
        // Written at once, so that it stands before the log also in a pipe.
        let line = "\(job.jobType.rawValue) \(job.id)  \(client.url)/dashboard/jobs/\(job.id)\n"
        FileHandle.standardOutput.write(Data(line.utf8))
        guard follow else { return }
        let keepsANSI = isatty(STDOUT_FILENO) == 1
        let end = try await JobFollower(client: client, id: job.id.rawValue, keepsANSI: keepsANSI).follow()
        try end.exit()
    }
}

/// How a plan runs its engine.
struct RunOptionArguments: ParsableArguments {
    @Option(help: "Limit the plan to this resource or module, and what it depends on. Repeat for more.")
    var target: [String] = []
    @Option(help: "Replace this resource. Repeat for more.") var replace: [String] = []
    @Flag(help: "Only take changes made outside of Terraform into the state.") var refreshOnly = false
    @Option(help: "How many resources are worked on at a time: 1 to 256.") var parallelism: Int?
    @Option(help: "Terraform's own log: trace, debug, info, warn or error.") var logLevel: String?

    /// Checked here as Trellis checks it.
    func options() throws -> RunOptions {
        var options = RunOptions(
            targets: target, replace: replace, refreshOnly: refreshOnly, parallelism: parallelism)
        if let logLevel {
            guard let level = RunOptions.LogLevel(rawValue: logLevel.uppercased()) else {
                throw ValidationError("--log-level is trace, debug, info, warn or error.")
            }
            options.logLevel = level
        }
        do { try options.check(for: .plan) } catch { throw ValidationError(error.reason) }
        return options
    }
}

struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Plan the Terraform files of a folder.",
        discussion: """
            The vine is the one with the folder's project and stage (from its vine.json, else the folder's name and \
            "dev"); it is made if there is none, and gets the folder's files if there is.
            """)

    @OptionGroup var client: ClientOptions
    @OptionGroup var job: FollowOptions
    @OptionGroup var options: RunOptionArguments
    @Argument(help: "A folder with Terraform files.") var folder: String

    func run() async throws {
        let options = try options.options()
        let client = try client.makeClient()
        let vine = try await VineFolder(folder).upload(to: client)
        let record: JobRecord = try await client.post(
            "/api/jobs", CreateJob(jobType: .plan, vineId: vine.id, assignedWorkerId: job.worker(), options: options))
        try await job.finish(record, client)
    }
}

struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Apply exactly the saved plan of a PLAN job.")

    @OptionGroup var client: ClientOptions
    @OptionGroup var job: FollowOptions
    @Argument(help: "The PLAN job's id, or the beginning of it.") var plan: String

    func run() async throws {
        let client = try client.makeClient()
        let record: JobRecord = try await client.post(
            "/api/jobs/\(client.resolve(plan))/apply", ApplyPlan(assignedWorkerId: job.worker()))
        try await job.finish(record, client)
    }
}

struct DestroyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "destroy", abstract: "Destroy everything in a vine.")

    @OptionGroup var client: ClientOptions
    @OptionGroup var job: FollowOptions
    @Argument(help: "The vine's id.") var vine: String
    @Option(help: "The vine's project name, to show that you mean it.") var confirm: String

    func run() async throws {
        guard let id = VineID(vine) else { throw ValidationError("\"\(vine)\" is not a vine's id.") }
        let client = try client.makeClient()
        let record: VineRecord = try await client.get("/api/vines/\(id)")
        guard confirm == record.projectName else {
            throw ValidationError("This would destroy \"\(record.projectName)\". Say --confirm \(record.projectName)")
        }
        let created: JobRecord = try await client.post(
            "/api/jobs", CreateJob(jobType: .destroy, vineId: id, assignedWorkerId: job.worker()))
        try await job.finish(created, client)
    }
}

struct SignInURLCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sign-in-url", abstract: "Print a new sign-in link: one use, 10 minutes.")

    @OptionGroup var client: ClientOptions
    @Option(help: "Who signs in: shown as the one who started and cancelled jobs.") var user: String?

    struct Reply: Decodable { var url: String }

    func run() async throws {
        let body = user.map { ["user": $0] } ?? [:]
        let reply: Reply = try await client.makeClient().post("/api/sign-in-links", body)
        print(reply.url)
    }
}
