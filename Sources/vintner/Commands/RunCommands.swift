internal import ArgumentParser
internal import Domain
internal import Foundation
internal import Wire

/// Options of all commands that create a job.
struct FollowOptions: ParsableArguments {
    @Flag(
        help: ArgumentHelp(
            "Print the log until the job ends.",
            discussion: """
                Exits with 0 for SUCCESS, 1 for FAILED, 2 for CANCELLED. If the connection is lost, it reconnects \
                and continues with the next line. After 3 minutes without an answer it exits with 1; the job \
                continues.
                """)) var follow = false
    @Option(help: "Run on this Tendril (ID).") var tendril: String?

    func worker() throws -> TendrilID? {
        guard let tendril else { return nil }
        guard let id = TendrilID(tendril) else { throw CommandFailure("Not a Tendril ID: \"\(tendril)\".") }
        return id
    }

    /// Prints the job's URL, and follows it if requested.
    func finish(_ job: JobResponse, _ client: VintnerClient) async throws {
        // Unbuffered, so it precedes the log in a pipe.
        let line = "\(job.jobType.rawValue) \(job.id)  \(client.url)/dashboard/jobs/\(job.id)\n"
        FileHandle.standardOutput.write(Data(line.utf8))
        guard follow else { return }
        let keepsANSI = isatty(STDOUT_FILENO) == 1
        let end = try await JobFollower(source: client, id: job.id, keepsANSI: keepsANSI).follow()
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
            Uploads what Terraform would read: hidden files, the files that links lead to, executable bits, binary \
            files, and the modules and files beside the folder that the configuration refers to with "../". Links and \
            references must stay in the folder's git repository (without one: in the folder). Left out are .git, \
            .terraform, vine.json, state, and what .terraformignore names; anything else that can't be uploaded stops \
            the plan.

            The vine is the one with the project and stage in the folder's vine.json. Without a project name there, it \
            is called after the folder, and only the folder that it was made from may plan it: see --vine. The vine is \
            made if there is none, and becomes what the folder says if there is.
            """)

    @OptionGroup var client: ClientOptions
    @OptionGroup var job: FollowOptions
    @OptionGroup var options: RunOptionArguments
    @Argument(help: "Folder with Terraform files.") var folder: String
    @Option(help: "Plan the folder as this vine (ID), whatever folder the vine was made from.") var vine: String?
    @Option(
        help: "text, or json: waits for the plan's end, and prints only what it changes (\"vintner jobs changes\").")
    var output = JobChangesCommand.Output.text

    func run() async throws {
        let id = try vine.map(VineID.init(argument:))
        let options = try options.options()
        let files = try VineFolder(folder)
        let client = try await client.connect()
        let vine = try await files.upload(to: client, vine: id)
        let record = try await client.call(
            JobEndpoints.create,
            sending: CreateJobRequest(
                jobType: .plan, vineId: vine.id, assignedWorkerId: job.worker(), options: options))
        guard output == .json else { return try await job.finish(record, client) }
        let end = try await JobFollower(source: client, id: record.id, keepsANSI: false, isQuiet: true).follow()
        if end.status == .success {
            let changes = PlannedChangesReader(client: client, job: record.id)
            print(try await changes.document().prettyText)
        }
        try end.exit()
    }
}

struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Apply exactly the saved plan of a PLAN job.")

    @OptionGroup var client: ClientOptions
    @OptionGroup var job: FollowOptions
    @Argument(help: "ID of the PLAN job, or its first 4+ characters.") var plan: String

    func run() async throws {
        let client = try await client.connect()
        let record = try await client.call(
            JobEndpoints.apply, client.resolve(plan), sending: ApplyPlanRequest(assignedWorkerId: job.worker()))
        try await job.finish(record, client)
    }
}

struct DestroyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "destroy", abstract: "Destroy every resource in a vine's state.")

    @OptionGroup var client: ClientOptions
    @OptionGroup var job: FollowOptions
    @Argument(help: "ID of the vine.") var vine: String
    @Option(help: "Project name of the vine, as confirmation.") var confirm: String

    func run() async throws {
        let id = try VineID(argument: vine)
        let client = try await client.connect()
        let record = try await client.call(VineEndpoints.show, id)
        guard confirm == record.projectName else {
            throw CommandFailure(
                "This would destroy \"\(record.projectName)\". Pass --confirm \(record.projectName) to proceed.")
        }
        let created = try await client.call(
            JobEndpoints.create,
            sending: CreateJobRequest(jobType: .destroy, vineId: id, assignedWorkerId: job.worker()))
        try await job.finish(created, client)
    }
}

struct SignInURLCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sign-in-url", abstract: "Print a new sign-in link, good for one use within 10 minutes.")

    @OptionGroup var client: ClientOptions
    @Option(help: "Name of the person who signs in, shown next to what they do.") var user: String?

    func run() async throws {
        let reply = try await client.connect().call(
            AccessEndpoints.createLink, sending: SignInLinkRequest(user: user))
        print(reply.url)
    }
}

extension Identifier where Noun == Vine {
    /// - Throws: ``CommandFailure`` for an argument that is not an ID.
    init(argument: String) throws {
        guard let id = Self(argument) else { throw CommandFailure("Not a vine ID: \"\(argument)\".") }
        self = id
    }
}
