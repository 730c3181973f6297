internal import ArgumentParser
internal import Domain
internal import Foundation
internal import Wire

struct VinesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vines", abstract: "List vines, look at the versions of a state, break a lock, delete a vine.",
        subcommands: [List.self, States.self, BreakLock.self, Delete.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "The vines, one a line, with who holds their lock.")

        @OptionGroup var client: ClientOptions
        @Flag(help: "List the deleted vines, whose states can still be read.") var deleted = false

        func run() async throws {
            let query = deleted ? "&deleted=true" : ""
            let page: ListPage<VineRecord> = try await client.makeClient().get("/api/vines?limit=200\(query)")
            for vine in page.items {
                let note =
                    vine.deletedAt.map { "deleted \($0)" }
                    ?? vine.lock.map { "locked by \($0.holder) since \($0.since)" } ?? ""
                print(vine.id, "\(vine.projectName) / \(vine.environmentStage)".padded(to: 32), note)
            }
        }
    }

    struct States: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "All stored versions of a vine's state; with --number the version itself.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "The vine's id.") var vine: String
        @Option(help: "Print this version. It holds sensitive values in clear.") var number: Int?

        func run() async throws {
            guard let id = VineID(vine) else { throw ValidationError("\"\(vine)\" is not a vine's id.") }
            let client = try client.makeClient()
            if let number {
                return try await client.text("/api/vines/\(id)/state/versions/\(number)") { print($0, terminator: "") }
            }
            let page: ListPage<StateVersionRecord> = try await client.get("/api/vines/\(id)/state/versions")
            for version in page.items {
                print(
                    version.number, version.createdAt, "serial \(version.serial)", version.lineage,
                    version.jobId?.short ?? "-", version.aside ? "kept aside" : "")
            }
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
        @Argument(help: "The vine's ID.") var vine: String
        @Option(help: "The vine's name, PROJECT/STAGE, to leave behind what its state has.") var confirm: String?

        func run() async throws {
            guard let id = VineID(vine) else { throw ValidationError("Not a vine ID: \"\(vine)\".") }
            let allowed = CharacterSet.alphanumerics
            let query = confirm?.addingPercentEncoding(withAllowedCharacters: allowed).map { "?confirm=\($0)" } ?? ""
            try await client.makeClient().delete("/api/vines/\(id)\(query)")
            print("Deleted. Versions of its state: vintner vines states \(id)")
        }
    }

    struct BreakLock: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "break-lock",
            abstract: "Take a vine's state lock from its holder, who may still be changing real infrastructure.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "The vine's id.") var vine: String
        @Option(help: "The vine's project name, to show that you mean it.") var confirm: String

        func run() async throws {
            guard let id = VineID(vine) else { throw ValidationError("\"\(vine)\" is not a vine's id.") }
            let client = try client.makeClient()
            let record: VineRecord = try await client.get("/api/vines/\(id)")
            guard let lock = record.lock else {
                print("The vine is not locked.")
                return
            }
            let _: VineRecord = try await client.post(
                "/api/vines/\(id)/break-lock", Wire.BreakLock(lockId: lock.id, confirm: confirm))
            print("Broken: \(lock.holder) held it. Versions of the state that still come from there are kept aside.")
        }
    }
}
