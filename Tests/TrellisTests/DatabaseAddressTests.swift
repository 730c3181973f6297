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
