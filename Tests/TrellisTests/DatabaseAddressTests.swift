import Postgres
import Testing

@testable import Trellis

/// What `--database` takes.
@Suite struct DatabaseAddressTests {
    @Test func knowsBothEngines() throws {
        guard case .sqlite(let path) = try DatabaseAddress("sqlite:/data/x.sqlite") else {
            Issue.record("not SQLite")
            return
        }
        #expect(path == "/data/x.sqlite")
        for address in ["postgres://ana@one,two/vintner?sslmode=verify-full", "postgresql:///vintner"] {
            guard case .postgres(let settings) = try DatabaseAddress(address) else {
                Issue.record("not PostgreSQL")
                return
            }
            #expect(settings.address == address)
        }
    }

    @Test(arguments: [
        ("postgres://ana@host/x?pooler=transaction", "postgres://ana@host/x"),
        ("postgres://ana@host/x?pooler=transaction&sslmode=require", "postgres://ana@host/x?sslmode=require"),
        ("postgres://ana@host/x?sslmode=require&pooler=transaction", "postgres://ana@host/x?sslmode=require"),
    ])
    func knowsThePooler(_ given: String, _ address: String) throws {
        guard case .postgres(let settings) = try DatabaseAddress(given) else {
            Issue.record("not PostgreSQL")
            return
        }
        #expect(settings.isPooled && settings.address == address)
        #expect(throws: TrellisStartError.self) {
            try DatabaseAddress(given.replacing("transaction", with: "statement"))
        }
    }

    @Test(arguments: ["", "mysql://x/y", "postgres:x", "/data/x.sqlite"])
    func refusesOtherAddresses(_ address: String) {
        #expect(throws: TrellisStartError.self) { try DatabaseAddress(address) }
    }

    @Test(arguments: ["postgres://ana:s3cret@host/x", "postgres://ana@host/x?password=s3cret"])
    func refusesAPasswordWithoutRepeatingIt(_ address: String) {
        let error = #expect(throws: TrellisStartError.self) { try DatabaseAddress(address) }
        #expect(error?.description.contains("password file") == true)
        #expect(error?.description.contains("s3cret") == false)
    }
}
