internal import ArgumentParser
internal import Domain
internal import Foundation
internal import Wire

struct VinesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vines", abstract: "List vines, show the versions of a state, break a lock.",
        subcommands: [List.self, States.self, BreakLock.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List vines with their locks, one a line.")

        @OptionGroup var client: ClientOptions

        func run() async throws {
            let client = try await client.connect()
            var cursor: String?
            repeat {
                let page: ListPage<VineRecord> = try await client.get(
                    "/api/vines" + queryString(["limit": "200", "cursor": cursor]))
                for vine in page.items {
                    let lock = vine.lock.map { "locked by \($0.holder) since \($0.since)" } ?? ""
                    print(vine.id, "\(vine.projectName) / \(vine.environmentStage)".padded(to: 32), lock)
                }
                cursor = page.nextCursor
            } while cursor != nil
        }
    }

    struct States: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the stored versions of a vine's state, or print one with --number.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "ID of the vine.") var vine: String
        @Option(help: "Print this version. It contains sensitive values in clear text.") var number: Int?

        func run() async throws {
            let id = try VineID(argument: vine)
            let client = try await client.connect()
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
        @Argument(help: "ID of the vine.") var vine: String
        @Option(help: "Project name of the vine, as confirmation.") var confirm: String

        func run() async throws {
            let id = try VineID(argument: vine)
            let client = try await client.connect()
            let record: VineRecord = try await client.get("/api/vines/\(id)")
            guard let lock = record.lock else {
                print("The vine is not locked.")
                return
            }
            let _: VineRecord = try await client.post(
                "/api/vines/\(id)/break-lock", Wire.BreakLock(lockId: lock.id, confirm: confirm))
            print(
                "Lock of \(lock.holder) broken. If a state still arrives from there, it is kept as a separate version.")
        }
    }
}
