import Domain
import Testing

@testable import Tendril

@Suite struct OrderRecordTests {
    private let records = [
        OrderRecord(at: Timestamp(milliseconds: 1_789_000_000_000), .output(.stdout, end: 12_345)),
        OrderRecord(at: Timestamp(milliseconds: 1_789_000_000_001), .output(.stderr, end: 0)),
        OrderRecord(at: Timestamp(milliseconds: 0), .output(.system, end: 999_999_999_999_999)),
        OrderRecord(at: Timestamp(milliseconds: 9_999_999_999_999), .idle),
    ]

    @Test func isThirtyTwoBytesOfText() {
        #expect(String(decoding: records[0].encoded, as: UTF8.self) == "1789000000000 O 000000000012345\n")
        for record in records {
            #expect(record.encoded.count == OrderRecord.size)
            #expect(OrderRecord(line: record.encoded) == record)
        }
    }

    @Test func arrivesInPiecesOfAnySize() {
        let bytes = records.flatMap(\.encoded)
        for size in 1...bytes.count {
            var parser = OrderParser()
            var found: [OrderRecord] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                found += parser.take(bytes[start..<min(start + size, bytes.count)])
            }
            #expect(found == records)
        }
    }

    /// The writer was killed, or the disk was full, in the middle of a record.
    @Test(arguments: 0..<OrderRecord.size) func skipsTornRecord(length: Int) {
        let torn = OrderRecord(at: Timestamp(milliseconds: 1_888_888_888_888), .output(.stdout, end: 777)).encoded
        var parser = OrderParser()
        #expect(parser.take(records[0].encoded + torn.prefix(length)) == [records[0]])
        #expect(parser.take(records[1].encoded + records[2].encoded) == [records[1], records[2]])
    }

    @Test func skipsInvalidInput() {
        var parser = OrderParser()
        let rubbish = [UInt8](repeating: 0, count: 10_000)
        #expect(parser.take(rubbish).isEmpty)
        #expect(parser.take(Array("hello\n\n".utf8) + records[3].encoded + rubbish) == [records[3]])
        #expect(parser.take(records[0].encoded) == [records[0]])
    }
}
