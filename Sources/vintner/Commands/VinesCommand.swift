internal import ArgumentParser
internal import Domain
internal import Foundation
internal import Wire

struct VinesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vines",
        abstract: "List and show vines, with their outputs and states; break a lock, delete a vine.",
        subcommands: [List.self, Show.self, Outputs.self, States.self, BreakLock.self, Delete.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List vines with their locks, one a line.")

        @OptionGroup var client: ClientOptions
        @Flag(help: "List the deleted vines, whose states can still be read.") var deleted = false

        func run() async throws {
            let client = try await client.connect()
            var cursor: String?
            repeat {
                let page = try await client.call(
                    VineEndpoints.list,
                    query: [
                        VineEndpoints.List.limit(200), VineEndpoints.List.cursor(cursor),
                        VineEndpoints.List.deleted(deleted),
                    ])
                for vine in page.items {
                    let note =
                        vine.deletedAt.map { "deleted \($0)" }
                        ?? vine.lock.map { "locked by \($0.holder) since \($0.since)" } ?? ""
                    print(vine.id, "\(vine.projectName) / \(vine.environmentStage)".padded(to: 32), note)
                }
                cursor = page.nextCursor
            } while cursor != nil
        }
    }

    enum Output: String, ExpressibleByArgument, CaseIterable {
        case text, json
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print a vine: source, last job, lock, and names of its variables.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "ID of the vine.") var vine: String
        @Option(help: "text or json.") var output = Output.text

        func run() async throws {
            let id = try VineID(argument: vine)
            let client = try await client.connect()
            if output == .json {
                return print(try await client.document(VineEndpoints.show, id).prettyText)
            }
            let vine = try await client.call(VineEndpoints.show, id)
            for (name, value) in Self.lines(of: vine) { print((name + ":").padded(to: 12), value) }
        }

        static func lines(of vine: VineResponse) -> [(String, String)] {
            let resources = vine.stateKeptBy.map { "unknown: the state is kept by \($0)" }
            let lines: [(String, String?)] = [
                ("Vine", "\(vine.projectName) / \(vine.environmentStage)"), ("ID", "\(vine.id)"),
                ("Region", vine.region), ("Source", source(vine.source)),
                ("Engine", vine.engine?.rawValue ?? "default of the Tendril"),
                ("Revision", "\(vine.revision), changed \(vine.updatedAt)"),
                (
                    "Last job",
                    vine.lastJob.map { "\($0.jobType.rawValue) \($0.id.short) \($0.status.rawValue)" } ?? "none"
                ),
                ("Resources", resources ?? vine.resourceCount.map(String.init) ?? "unknown"),
                ("Lock", vine.lock.map { "\($0.holder) since \($0.since)" } ?? "none"),
                ("Variables", names(vine.variables.keys.sorted(), vine.sensitiveVariables)),
                ("Environment", names(vine.environment.keys.sorted(), vine.sensitiveEnvironment)),
            ]
            return lines.compactMap { name, value in value.map { (name, TerminalText.plain($0)) } }
        }

        private static func source(_ source: VineSource) -> String {
            switch source {
            case .inline(let files, _): "\(files.count) files"
            case .git(let url, let ref, let path): "\(url) \(ref)\(path.map { ", \($0)" } ?? "")"
            }
        }

        private static func names(_ plain: [String], _ sensitive: [String]) -> String? {
            let all = plain + sensitive.map { "\($0) (sensitive)" }
            return all.isEmpty ? nil : all.joined(separator: ", ")
        }
    }

    struct Outputs: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the outputs of a vine's newest state, one a line.",
            discussion: "Values are JSON. The values of sensitive outputs are not printed.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "ID of the vine.") var vine: String
        @Option(help: "text or json.") var output = Output.text

        func run() async throws {
            let id = try VineID(argument: vine)
            let client = try await client.connect()
            if output == .json {
                return print(try await client.document(VineStateEndpoints.outputs, id).prettyText)
            }
            let outputs = try await client.call(VineStateEndpoints.outputs, id)
            guard let state = outputs.state else { throw CommandFailure("This vine has no state yet.") }
            if let problem = state.problem { throw CommandFailure(problem) }
            for item in outputs.items { print(TerminalText.plain("\(item.name) = \(Self.value(of: item))")) }
            if outputs.isCut { throw CommandFailure("There are more outputs: print the state with --number.") }
        }

        static func value(of item: VineOutputsResponse.Item) -> String {
            if item.sensitive { return "(sensitive)" }
            return (item.value?.text ?? "(too large)") + (item.isCut == true && item.value != nil ? " (shortened)" : "")
        }
    }

    struct States: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the stored versions of a vine's state, or print one with --number.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "ID of the vine.") var vine: String
        @Option(help: "Print this version. It contains sensitive values in clear text.") var number: Int?
        @Option(help: "text or json.") var output = Output.text

        func run() async throws {
            let id = try VineID(argument: vine)
            let client = try await client.connect()
            if let number {
                return try await client.text(VineStateEndpoints.download, StateVersionPath(vine: id, number: number)) {
                    print($0, terminator: "")
                }
            }
            var versions: [JSONValue] = []
            var cursor: String?
            repeat {
                let page = try await client.call(
                    VineStateEndpoints.versions, id,
                    query: [VineStateEndpoints.limit(1000), VineStateEndpoints.cursor(cursor)])
                switch output {
                case .text: for version in page.items { print(Self.line(version)) }
                case .json:
                    versions += try page.items.map {
                        try WireJSON.decode(JSONValue.self, from: WireJSON.encode($0))
                    }
                }
                cursor = page.nextCursor
            } while cursor != nil
            if output == .json { print(JSONValue.object(["items": .array(versions)]).prettyText) }
        }

        static func line(_ version: StateVersionResponse) -> String {
            let parts = [
                "\(version.number)", "\(version.createdAt)", "serial \(version.serial)", version.lineage,
                version.jobId?.short ?? "-", version.resources.map { "\($0) resources" } ?? "",
                version.aside ? "kept aside" : "",
            ]
            return TerminalText.plain(parts.filter { !$0.isEmpty }.joined(separator: " "))
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete a vine. What is in its state is not destroyed.",
            discussion: """
                A vine whose state has resources, or may have, needs --confirm. The versions of its state stay \
                readable: vintner vines list --deleted, vintner vines states VINE.
                """)

        @OptionGroup var client: ClientOptions
        @Argument(help: "ID of the vine.") var vine: String
        @Option(help: "The vine's name, PROJECT/STAGE, to leave behind what its state has.") var confirm: String?

        func run() async throws {
            let id = try VineID(argument: vine)
            try await client.connect().call(VineEndpoints.delete, id, query: [VineEndpoints.confirm(confirm)])
            print("Deleted. Versions of its state: vintner vines states \(id)")
        }
    }

    struct BreakLock: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "break-lock",
            abstract: "Take a vine's state lock from its holder, who may still be changing real infrastructure.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "ID of the vine.") var vine: String
        @Option(help: "Project name of the vine, as confirmation.") var confirm: String

        func run() async throws {
            let id = try VineID(argument: vine)
            let client = try await client.connect()
            let record = try await client.call(VineEndpoints.show, id)
            guard let lock = record.lock else {
                print("The vine is not locked.")
                return
            }
            _ = try await client.call(
                VineEndpoints.breakLock, id, sending: BreakLockRequest(lockId: lock.id, confirm: confirm))
            print(
                "Lock of \(lock.holder) broken. If a state still arrives from there, it is kept as a separate version.")
        }
    }
}
