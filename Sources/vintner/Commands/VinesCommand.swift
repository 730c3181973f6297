internal import ArgumentParser
internal import Domain
internal import Foundation
internal import Wire

struct VinesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vines", abstract: "List vines, look at the versions of a state, break a lock.",
        subcommands: [List.self, States.self, BreakLock.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "The vines, one a line, with who holds their lock.")

        @OptionGroup var client: ClientOptions

        func run() async throws {
            let page: ListPage<VineRecord> = try await client.makeClient().get("/api/vines?limit=200")
            for vine in page.items {
                let lock = vine.lock.map { "locked by \($0.holder) since \($0.since)" } ?? ""
                print(vine.id, "\(vine.projectName) / \(vine.environmentStage)".padded(to: 32), lock)
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
