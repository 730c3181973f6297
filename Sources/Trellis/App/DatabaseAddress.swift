internal import Postgres

/// The database as `--database` names it.
enum DatabaseAddress {
    case sqlite(path: String)
    case postgres(PostgresSettings)

    init(_ text: String) throws {
        if text.hasPrefix("sqlite:") {
            self = .sqlite(path: String(text.dropFirst("sqlite:".count)))
        } else if text.hasPrefix("postgres://") || text.hasPrefix("postgresql://") {
            let (address, pooler) = Self.takePooler(from: text)
            guard pooler ?? "transaction" == "transaction" else { throw TrellisStartError.unknownPooler }
            var settings = PostgresSettings(address: address)
            settings.isPooled = pooler != nil
            // Everybody on the machine can read a command line.
            guard try !settings.holdsPassword() else { throw TrellisStartError.passwordInDatabase }
            self = .postgres(settings)
        } else {
            throw TrellisStartError.unknownDatabase
        }
    }

    /// Takes Vintner's own parameter `pooler` out of the address.
    private static func takePooler(from text: String) -> (address: String, pooler: String?) {
        guard let mark = text.firstIndex(of: "?") else { return (text, nil) }
        let all = text[text.index(after: mark)...].split(separator: "&")
        let name = "pooler="
        let pooler = all.first { $0.hasPrefix(name) }.map { String($0.dropFirst(name.count)) }
        let rest = all.filter { !$0.hasPrefix(name) }.joined(separator: "&")
        return (text[..<mark] + (rest.isEmpty ? "" : "?" + rest), pooler)
    }
}
