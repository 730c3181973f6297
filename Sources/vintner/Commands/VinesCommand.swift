internal import ArgumentParser
internal import Domain
internal import Foundation
internal import Wire

struct VinesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vines", abstract: "List vines, show the versions of a state, break a lock, delete a vine.",
        subcommands: [List.self, States.self, BreakLock.self, Delete.self])

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
                return try await client.text(StateEndpoints.version, StateVersionPath(vine: id, number: number)) {
                    print($0, terminator: "")
                }
            }
            let page = try await client.call(StateEndpoints.versions, id)
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
