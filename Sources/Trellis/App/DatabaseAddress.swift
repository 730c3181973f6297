internal import Postgres

/// The database as `--database` names it.
enum DatabaseAddress {
    case sqlite(path: String)
    case postgres(PostgresSettings)

    init(_ text: String) throws {
        if text.hasPrefix("sqlite:") {
            self = .sqlite(path: String(text.dropFirst("sqlite:".count)))
        } else if text.hasPrefix("postgres://") || text.hasPrefix("postgresql://") {
            let settings = PostgresSettings(address: text)
            // Everybody on the machine can read a command line.
            guard try !settings.holdsPassword() else { throw TrellisStartError.passwordInDatabase }
            self = .postgres(settings)
        } else {
            throw TrellisStartError.unknownDatabase
        }
    }
}
