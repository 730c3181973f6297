internal import ArgumentParser
internal import Domain
internal import Foundation
internal import Wire

struct JobsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobs", abstract: "List, show, follow, cancel, and give up jobs.",
        subcommands: [List.self, Show.self, Logs.self, JobChangesCommand.self, Cancel.self, GiveUp.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the newest jobs, one a line.")

        @OptionGroup var client: ClientOptions
        @Option(help: "List only jobs with this status.") var status: String?
        @Option(help: "Maximum number of jobs.") var limit = 20

        func run() async throws {
            let status = try status.map { text in
                guard let status = JobStatus(rawValue: text.uppercased()) else {
                    throw CommandFailure(JobEndpoints.List.status.description.expectation)
                }
                return status
            }
            let page = try await client.connect().call(
                JobEndpoints.list, query: [JobEndpoints.List.limit(limit), JobEndpoints.List.status(status)])
            for item in page.items {
                let job = item.job
                print(
                    job.id, job.createdAt, job.jobType.rawValue.padded(to: 7), job.status.rawValue.padded(to: 10),
                    (job.workerName ?? "-").padded(to: 12), item.vineTitle + Self.remaining(job.forecast))
            }
        }

        /// `, about 2 min 10 s left`; empty without a forecast.
        static func remaining(_ forecast: RunForecastResponse?) -> String {
            guard let forecast else { return "" }
            let seconds = forecast.remainingMs / 1000
            let time = seconds < 60 ? "\(seconds) s" : "\(seconds / 60) min \(seconds % 60) s"
            return ", about \(time) left"
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Print everything about a job as JSON.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "ID of the job, or its first 4+ characters.") var job: String

        func run() async throws {
            let client = try await client.connect()
            print(try await client.document(JobEndpoints.show, client.resolve(job)).prettyText)
        }
    }

    struct Logs: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Print a job's log.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "ID of the job, or its first 4+ characters.") var job: String
        @Flag(help: "Continue until the job ends, even if the connection is lost (see \"vintner plan --help\").")
        var follow = false
        @Flag(help: "Print without colors, even on a terminal.") var plain = false

        func run() async throws {
            let client = try await client.connect()
            let id = try await client.resolve(job)
            let keepsANSI = !plain && isatty(STDOUT_FILENO) == 1
            if follow {
                let end = try await JobFollower(source: client, id: id, keepsANSI: keepsANSI).follow()
                try end.exit()
            } else {
                try await client.text(LogEndpoints.page, id, query: [LogEndpoints.Page.ansi(keepsANSI)]) {
                    print($0, terminator: "")
                }
            }
        }
    }

    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Cancel a job: Terraform stops after its in-flight changes.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "ID of the job, or its first 4+ characters.") var job: String
        @Flag(help: "Kill the Terraform of a job that is cancelled already. Its state may lack what it just created.")
        var force = false

        func run() async throws {
            let client = try await client.connect()
            let record = try await client.call(
                force ? JobEndpoints.forceCancel : JobEndpoints.cancel, client.resolve(job))
            print("\(record.id) \(record.status.rawValue), Terraform \(record.engineState.rawValue)")
        }
    }

    struct GiveUp: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "give-up",
            abstract: "End a job whose Tendril can't be reached, or whose Terraform can't be ended.",
            discussion: """
                For a job whose Tendril is OFFLINE; and for a cancelled one that goes on for 60 s after \
                "vintner jobs cancel JOB --force". Its state stays locked; nothing is applied again.
                """)

        @OptionGroup var client: ClientOptions
        @Argument(help: "ID of the job, or its first 4+ characters.") var job: String

        func run() async throws {
            let client = try await client.connect()
            let record = try await client.call(JobEndpoints.giveUp, client.resolve(job))
            print("\(record.id) \(record.status.rawValue): \(record.errorMessage ?? record.outcome?.summary ?? "")")
        }
    }
}

extension JobStatusResponse {
    /// Ends the command: 0 for SUCCESS, 1 for FAILED, 2 for CANCELLED.
    func exit() throws {
        if let errorMessage { FileHandle.standardError.write(Data((errorMessage + "\n").utf8)) }
        switch status {
        case .success: return
        case .cancelled: throw ExitCode(2)
        default: throw ExitCode(1)
        }
    }
}

extension VintnerClient {
    /// The job that `text` names: an id, or enough of its beginning to be only one.
    func resolve(_ text: String) async throws -> JobID {
        if let id = JobID(text) { return id }
        guard text.count >= 4, text.utf8.allSatisfy({ $0 == 0x2d || Character(UnicodeScalar($0)).isHexDigit }) else {
            throw CommandFailure("Not a job ID: \"\(text)\". Give the ID or its first 4+ characters.")
        }
        let page = try await call(
            JobEndpoints.list, query: [JobEndpoints.List.limit(50), JobEndpoints.List.text(text)])
        let hits = page.items.map(\.job).filter { $0.id.rawValue.hasPrefix(text.lowercased()) }
        guard let hit = hits.first, hits.count == 1 else {
            throw CommandFailure(
                hits.isEmpty ? "No job ID begins with \"\(text)\"." : "Several job IDs begin with \"\(text)\".")
        }
        return hit.id
    }
}

extension String {
    /// The text, filled with blanks to at least `width` characters.
    func padded(to width: Int) -> String {
        count >= width ? self : self + String(repeating: " ", count: width - count)
    }
}
