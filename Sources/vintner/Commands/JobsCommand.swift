internal import ArgumentParser
internal import Domain
internal import Foundation
internal import Wire

struct JobsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobs", abstract: "List, show, follow, cancel and give up jobs.",
        subcommands: [List.self, Show.self, Logs.self, Cancel.self, GiveUp.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "The newest jobs, one a line.")

        @OptionGroup var client: ClientOptions
        @Option(help: "Only jobs with this status.") var status: String?
        @Option(help: "How many at the most.") var limit = 20

        struct Row: Codable, Sendable {
            var id: JobID
            var jobType: JobType
            var status: JobStatus
            var vineTitle: String
            var workerName: String?
            var createdAt: Timestamp
        }

        func run() async throws {
            let filter = status.map { "&status=\($0)" } ?? ""
            let page: ListPage<Row> = try await client.makeClient().get("/api/jobs?limit=\(limit)\(filter)")
            for job in page.items {
                print(
                    job.id, job.createdAt, job.jobType.rawValue.padded(to: 7), job.status.rawValue.padded(to: 10),
                    (job.workerName ?? "-").padded(to: 12), job.vineTitle)
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "All that is known of a job, as JSON.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "The job's id, or the beginning of it.") var job: String

        func run() async throws {
            let client = try client.makeClient()
            let record: JSONValue = try await client.get("/api/jobs/\(client.resolve(job))")
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            print(String(decoding: try encoder.encode(record), as: UTF8.self))
        }
    }

    struct Logs: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "A job's log.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "The job's id, or the beginning of it.") var job: String
        @Flag(help: "Go on until the job has ended; fails if the job did.") var follow = false
        @Flag(help: "Print without colours, even on a terminal.") var plain = false

        func run() async throws {
            let client = try client.makeClient()
            let id = try await client.resolve(job)
            let keepsANSI = !plain && isatty(STDOUT_FILENO) == 1
            if follow {
                let end = try await JobFollower(client: client, id: id.rawValue, keepsANSI: keepsANSI).follow()
                try end.exit()
            } else {
                try await client.text("/api/jobs/\(id)/logs?ansi=\(keepsANSI ? 1 : 0)") { print($0, terminator: "") }
            }
        }
    }

    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Cancel a job: Terraform is asked to stop, and finishes what it has begun.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "The job's id, or the beginning of it.") var job: String
        @Flag(help: "Kill the Terraform of a job that was cancelled before; its state may lack what it just made.")
        var force = false

        func run() async throws {
            let client = try client.makeClient()
            let record: JobRecord = try await client.post(
                "/api/jobs/\(client.resolve(job))/\(force ? "force-cancel" : "cancel")", [String: String]())
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
        @Argument(help: "The job's id, or the beginning of it.") var job: String

        func run() async throws {
            let client = try client.makeClient()
            let record: JobRecord = try await client.post(
                "/api/jobs/\(client.resolve(job))/give-up", [String: String]())
            print("\(record.id) \(record.status.rawValue): \(record.errorMessage ?? record.outcome?.summary ?? "")")
        }
    }
}

extension JobStatusRecord {
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
            throw ValidationError("\"\(text)\" is neither a job's id nor at least four characters of its beginning.")
        }
        let page: ListPage<JobsCommand.List.Row> = try await get("/api/jobs?limit=50&q=\(text)")
        let hits = page.items.filter { $0.id.rawValue.hasPrefix(text.lowercased()) }
        guard let hit = hits.first, hits.count == 1 else {
            throw ValidationError(
                hits.isEmpty
                    ? "No job's id begins with \"\(text)\"." : "More than one job's id begins with \"\(text)\".")
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
