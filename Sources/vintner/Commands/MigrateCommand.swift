internal import ArgumentParser
internal import Foundation
internal import Trellis

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Copy everything from one database to another, and compare the two.",
        discussion: """
            Stop Trellis first; Tendrils and their jobs may go on. The source stays as it is. The target must be empty. \
            An interrupted migration continues when it is run again. Then start Trellis with the same --data folder, \
            which has the key, and the new --database.
            """)

    @Option(help: "The database to copy: sqlite:PATH or postgres://USER@HOST/NAME.") var from: String
    @Option(help: "The new database: sqlite:PATH or postgres://USER@HOST/NAME.") var to: String

    func run() async throws {
        // The database is for the owner alone.
        umask(0o077)
        try await DatabaseMigration(from: from, to: to).run { print($0) }
        print("Done. Start Trellis with --database \(to)")
    }
}
