import Foundation
import Testing

@testable import Postgres

/// Values on their way to the server and back.
@Suite struct ValueTests {
    @Test func scalarsComeBack() async throws {
        try await TestDatabase.with { database in
            let text = "a\u{0}b \u{10FFFF}\u{10FFFE} ü 🍇 '\\"
            let bytes = Data([0, 255, 10, 92])
            let id = "01234567-89ab-cdef-0123-456789abcdef"
            let read = try await database.pool.read { connection -> [String] in
                let row = try connection.query(
                    "SELECT $1 AS text, $2 AS bytes, $3 AS id, $4 AS low, $5 AS high, $6 AS flag, 7::int4 AS four, "
                        + "(-2)::int2 AS two, $7 AS nothing, '' AS empty, $8 AS none",
                    [
                        .text(text), .bytes(bytes), .uuid(id), .int(.min), .int(.max), .bool(true), .text(nil),
                        .bytes(Data()),
                    ]
                ).first
                let found = try #require(row)
                #expect(try found.optionalText("text") == text)
                #expect(try found.optionalBytes("bytes") == bytes)
                #expect(try found.optionalText("id") == id)
                #expect(try found.optionalInteger("low") == .min)
                #expect(try found.optionalInteger("high") == .max)
                #expect(try found.optionalFlag("flag") == true)
                #expect(try found.optionalInteger("four") == 7)
                #expect(try found.optionalInteger("two") == -2)
                #expect(try found.optionalText("nothing") == nil)
                #expect(try found.optionalText("empty") == "")
                #expect(try found.optionalBytes("none") == Data())
                #expect(throws: PostgresError.self) { try found.optionalInteger("text") }
                #expect(throws: PostgresError.self) { try found.optionalText("missing") }
                return ["read"]
            }
            #expect(read == ["read"])
        }
    }

    @Test func arraysComeBackAsRows() async throws {
        try await TestDatabase.with { database in
            let texts = ["", "x\u{0}y", "ü"]
            let bytes = [Data(), Data([0, 1]), Data(repeating: 7, count: 100_000)]
            let ids = (1...3).map { "00000000-0000-0000-0000-00000000000\($0)" }
            let read = try await database.pool.read { connection in
                try connection.query(
                    "SELECT * FROM unnest($1, $2, $3, $4, $5) AS list (number, text, bytes, flag, id)",
                    [
                        .ints([1, -1, .max]), .texts(texts), .byteStrings(bytes), .bools([true, false, true]),
                        .uuids(ids),
                    ]
                ).map { row in
                    (
                        try row.optionalInteger("number"), try row.optionalText("text"), try row.optionalBytes("bytes"),
                        try row.optionalFlag("flag"), try row.optionalText("id")
                    )
                }
            }
            #expect(read.map(\.0) == [1, -1, .max])
            #expect(read.map(\.1) == texts)
            #expect(read.map(\.2) == bytes)
            #expect(read.map(\.3) == [true, false, true])
            #expect(read.map(\.4) == ids)
            let empty = try await database.pool.read { connection in
                try connection.query("SELECT * FROM unnest($1)", [.ints([])]).count
            }
            #expect(empty == 0)
        }
    }

    @Test func anAddressThatIsNoneIsRefusedWithoutQuotingIt() throws {
        let error = #expect(throws: PostgresError.self) {
            try PostgresSettings(address: "postgres://ana:s3cret@host:port:port/x?nonsense=1").validate()
        }
        #expect(error?.kind == .settings)
        #expect(error?.message.contains("s3cret") == false)
        try PostgresSettings(address: "postgres://ana@one,two:5433/vintner?sslmode=verify-full").validate()
        try PostgresSettings(address: "host=/tmp dbname=x").validate()
        #expect(try PostgresSettings(address: "postgres://ana:s3cret@host/x").holdsPassword())
        #expect(try PostgresSettings(address: "postgres://ana@host/x?password=s3cret").holdsPassword())
        #expect(try !PostgresSettings(address: "postgres://ana@host/x").holdsPassword())
    }
}
