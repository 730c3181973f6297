import Foundation
import Testing

@testable import Domain

@Suite struct JSONReadingTests {
    @Test(arguments: [
        "12345678901234567890", "-9223372036854775809", "0.1000000000000000055511151231257827", "1e400", "-0", "-0.0",
        "1.50", "1E+2", "9223372036854775807", "-9223372036854775808", "0", "-7", "3.0e-0007",
    ])
    func numbersKeepTheirDigits(text: String) throws {
        #expect(try JSONValue(parsing: text.utf8).text == text)
        #expect(try JSONValue(parsing: "[{\"n\":\(text)}]".utf8).text == "[{\"n\":\(text)}]")
    }

    @Test(arguments: [
        ("", JSONError.Problem.unexpectedEnd), ("[1", .unexpectedEnd), ("{\"a\"", .unexpectedEnd),
        ("tru", .unexpectedEnd),
        ("[1,]", .unexpectedByte), ("[1 2]", .unexpectedByte), ("{a:1}", .unexpectedByte), ("1 1", .unexpectedByte),
        ("01", .unexpectedByte), ("[1}", .unexpectedByte), ("{\"a\":1]", .unexpectedByte), ("nul!", .unexpectedByte),
        ("-", .badNumber), ("1.", .badNumber), ("1e", .badNumber), ("-x", .badNumber), ("+1", .unexpectedByte),
        (#""\x""#, .badEscape), (#""\u12g4""#, .badEscape), (#""\ud800""#, .loneSurrogate),
        (#""\ud800\u0041""#, .loneSurrogate), (#""\udc00""#, .loneSurrogate), ("\"a\nb\"", .controlCharacter),
        (#"{"a":1,"b":{},"a":2}"#, .duplicateName("a")), (#"{"\u0061":1,"a":2}"#, .duplicateName("a")),
        ("NaN", .unexpectedByte), ("'a'", .unexpectedByte), ("\u{feff}1", .unexpectedByte),
    ])
    func whatIsNotJSONIsRefused(text: String, problem: JSONError.Problem) {
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: text.utf8) }
        #expect(error?.problem == problem, "\(text)")
    }

    @Test(
        arguments: [
            [0x22, 0xff, 0x22], [0x22, 0xc0, 0xaf, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22],
            [0x22, 0x5c, 0x6e, 0xe2, 0x82, 0x22],
        ] as [[UInt8]])
    func textThatIsNotUTF8IsRefused(bytes: [UInt8]) {
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: bytes) }
        #expect(error?.problem == .invalidUTF8)
    }

    @Test func escapesBecomeTheirCharactersAndBack() throws {
        let value = try JSONValue(parsing: #" "\"\\\/\b\f\n\r\t\u00e9\ud83c\udf47\u0000" "#.utf8)
        #expect(value == "\"\\/\u{8}\u{c}\n\r\té🍇\u{0}")
        #expect(value.text == #""\"\\/\b\f\n\r\té🍇\u0000""#)
    }

    private static func nested(_ depth: Int, _ open: String = "[", _ close: String = "]") -> String {
        String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth)
    }

    @Test(arguments: [("[", "]"), (#"{"a":"#, "}")])
    func depthHasAnEdge(open: String, close: String) throws {
        for limit in [1, 3, JSONDepth.request] {
            let fits = Self.nested(limit, open, close)
            #expect(try JSONValue(parsing: fits.utf8, maxDepth: limit).depth == limit)
            let error = #expect(throws: JSONError.self) {
                try JSONValue(parsing: Self.nested(limit + 1, open, close).utf8, maxDepth: limit)
            }
            #expect(error?.problem == .tooDeep(limit: limit))
        }
    }

    @Test func aHundredThousandLevelsCostNoStack() throws {
        let text = Self.nested(100_000)
        #expect(throws: JSONError.self) { try JSONValue(parsing: text.utf8) }
        let cut = try JSONValue.parse("{\"a\":\(text),\"b\":2}".utf8, cuttingBelow: 3)
        #expect(cut.isCut && cut.value.text == #"{"a":[["(too deep)"]],"b":2}"#)
        try JSONCursor.read(text.utf8) { try $0.skip() }
    }

    @Test func whatFitsIsNotCut() throws {
        let text = #"{"a":[[1]]}"#
        let whole = try JSONValue.parse(text.utf8, cuttingBelow: 3)
        #expect(!whole.isCut && whole.value.text == text)
        #expect(whole.value.cut(below: 3) == whole.value)
        #expect(whole.value.cut(below: 2).text == #"{"a":["(too deep)"]}"#)
    }

    @Test func numbersCompareByValueWhereThatIsAskedFor() throws {
        func number(_ text: String) throws -> JSONNumber { try #require(JSONNumber(text)) }
        #expect(try number("1.50") != number("15e-1"))
        #expect(try number("1.50").hasSameValue(as: number("15e-1")))
        #expect(try number("-0.0").hasSameValue(as: number("0")))
        #expect(try !number("12345678901234567890").hasSameValue(as: number("12345678901234567891")))
        #expect(try number("1.2345678901234567890e19").hasSameValue(as: number("12345678901234567890")))
        #expect(try number("5.0").integerValue == 5 && number("1e3").integerValue == 1000)
        #expect(try number("1e19").integerValue == nil && number("0.5").integerValue == nil)
        #expect(JSONNumber("01") == nil && JSONNumber("") == nil && JSONNumber("1 ") == nil)
        #expect(JSONNumber(5.0)?.description == "5" && JSONNumber(.infinity) == nil)
    }
}

/// Documents that nobody thought of, the same ones at each run.
@Suite struct JSONPropertyTests {
    private struct Dice: RandomNumberGenerator {
        var state: UInt64

        // SplitMix64.
        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var z = state
            z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
            return z ^ (z >> 31)
        }
    }

    /// A value, and one of the many ways to write it.
    private static func make(_ dice: inout Dice, depth: Int) -> (value: JSONValue, text: String) {
        let blank = [" ", "\n", "\t", "\r", "", "", "", ""].randomElement(using: &dice) ?? ""
        func around(_ value: JSONValue, _ text: String) -> (JSONValue, String) { (value, blank + text + blank) }
        switch Int.random(in: 0..<(depth > 0 ? 9 : 6), using: &dice) {
        case 0: return around(.null, "null")
        case 1: return around(.bool(true), "true")
        case 2:
            let number = Int64.random(in: .min ... .max, using: &dice) >> Int64.random(in: 0..<64, using: &dice)
            return around(.integer(number), "\(number)")
        case 3:
            let digits = (0..<Int.random(in: 1...40, using: &dice)).map { _ in Int.random(in: 0...9, using: &dice) }
            let text = "-1" + digits.map(String.init).joined() + ".5e-3"
            return around(.number(JSONNumber(unchecked: text)), text)
        case 4, 5:
            let (value, text) = string(&dice)
            return around(.string(value), text)
        case 6:
            let items = (0..<Int.random(in: 0...4, using: &dice)).map { _ in make(&dice, depth: depth - 1) }
            return around(.array(items.map(\.value)), "[" + items.map(\.text).joined(separator: ",") + blank + "]")
        default:
            var members: [String: JSONValue] = [:]
            var texts: [String] = []
            for _ in 0..<Int.random(in: 0...4, using: &dice) {
                let (name, written) = string(&dice)
                let (value, text) = make(&dice, depth: depth - 1)
                guard members.updateValue(value, forKey: name) == nil else { return around(.null, "null") }
                texts.append(blank + written + blank + ":" + text)
            }
            return around(.object(members), "{" + texts.joined(separator: ",") + blank + "}")
        }
    }

    private static func string(_ dice: inout Dice) -> (value: String, text: String) {
        let alphabet: [(String, [String])] = [
            ("a", ["a", #"\u0061"#]), ("\"", [#"\""#, #"\u0022"#]), ("\\", [#"\\"#]), ("/", ["/", #"\/"#]),
            ("\n", [#"\n"#, #"\u000A"#]), ("\u{1}", [#"\u0001"#]), ("ü", ["ü", #"\u00fc"#]),
            ("🍇", ["🍇", #"\ud83c\udf47"#]), ("\u{202e}", ["\u{202e}", #"\u202E"#]), ("\u{7f}", ["\u{7f}"]),
            ("}", ["}"]), ("e9", ["e9"]),
        ]
        var (value, text) = ("", "\"")
        for _ in 0..<Int.random(in: 0...12, using: &dice) {
            guard let (character, spellings) = alphabet.randomElement(using: &dice) else { continue }
            value += character
            text += spellings.randomElement(using: &dice) ?? ""
        }
        return (value, text + "\"")
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func whatIsReadIsWhatWasWritten(seed: UInt64) throws {
        var dice = Dice(state: seed)
        for _ in 0..<100 {
            let (value, text) = Self.make(&dice, depth: Int.random(in: 0...10, using: &dice))
            let read = try JSONValue(parsing: text.utf8)
            #expect(read == value, "\(text)")
            #expect(try JSONValue(parsing: read.bytes) == value)
            #expect(try JSONValue(parsing: read.prettyText.utf8) == value)
            #expect(try JSONValue(encoding: read) == value)
            #expect(try read.decoded(as: JSONValue.self) == value)
            // Its exact depth is enough, and one less is not; the same for the cut.
            if read.depth > 0 {
                #expect(try JSONValue(parsing: text.utf8, maxDepth: read.depth) == value)
                #expect(throws: JSONError.self) { try JSONValue(parsing: text.utf8, maxDepth: read.depth - 1) }
                let cut = try JSONValue.parse(text.utf8, cuttingBelow: read.depth - 1)
                #expect(cut.isCut && cut.value == value.cut(below: read.depth - 1))
            }
        }
    }

    /// Counts steps instead of seconds: never more than a few for each byte, whatever the shape.
    @Test(arguments: 0..<10 as Range<UInt64>)
    func theWorkIsLinear(seed: UInt64) throws {
        var dice = Dice(state: 1_000 + seed)
        var texts = (0..<50).map { _ in Self.make(&dice, depth: 12).text }
        texts.append(String(repeating: "[", count: 200) + "1" + String(repeating: "]", count: 200))
        texts.append(
            "["
                + Array(repeating: String(repeating: "[", count: 60) + String(repeating: "]", count: 60), count: 500)
                .joined(separator: ",") + "]")
        texts.append("\"" + String(repeating: #"\u00e9"#, count: 5_000) + "\"")
        for text in texts {
            let result = try JSONParser.parse(text.utf8, maxDepth: 1024, marker: nil)
            #expect(result.steps <= 4 * text.utf8.count + 4, "\(result.steps) steps for \(text.utf8.count) bytes")
        }
    }

    /// The same for typed messages: each node is decoded exactly once.
    @Test func aTypedMessageIsDecodedOnce() throws {
        struct Node: Codable {
            @TaskLocal static var visits = Visits()
            var name: JSONValue?
            var children: [Node]

            init(from decoder: any Decoder) throws {
                Self.visits.count += 1
                let container = try decoder.container(keyedBy: CodingKeys.self)
                name = try container.decodeIfPresent(JSONValue.self, forKey: .name)
                children = try container.decode([Node].self, forKey: .children)
            }
        }
        final class Visits: @unchecked Sendable { var count = 0 }
        var text = #"{"children":[]}"#
        for _ in 0..<30 { text = #"{"name":{"a":[1,2]},"children":["# + text + "]}" }
        let visits = Visits()
        let node = try Node.$visits.withValue(visits) { try JSONValue(parsing: text.utf8).decoded(as: Node.self) }
        #expect(visits.count == 31)
        #expect(try JSONValue(encoding: node) == JSONValue(parsing: text.utf8))
    }
}

@Suite struct TypedJSONTests {
    struct Sample: Codable, Equatable {
        struct Part: Codable, Equatable {
            var byteCount: UInt64
            var times: [[Int64]]
        }

        var vineId: VineID
        var isOn: Bool
        var ratio: Double?
        var parts: [Part]
        var byName: [String: Part]
        var optional: [String: String?]
        var at: Timestamp
        var artifactSha256: String?
    }

    private func sample() throws -> Sample {
        Sample(
            vineId: try #require(VineID("5c1e90b7-4f0e-4f6b-9d53-2a7be1c8d904")), isOn: true, ratio: 0.1,
            parts: [.init(byteCount: .max, times: [[1, 2], []])],
            byName: ["camelCase_and_snake": .init(byteCount: 0, times: [])], optional: ["someKey": nil, "b": "x"],
            at: Timestamp(milliseconds: 5), artifactSha256: "ab")
    }

    @Test func messagesComeBackAsTheyWere() throws {
        for names in [JSONNames.asWritten, .snakeCase] {
            let value = try JSONValue(encoding: sample(), names: names)
            #expect(try JSONValue(parsing: value.bytes).decoded(as: Sample.self, names: names) == sample())
        }
        let value = try JSONValue(encoding: sample(), names: .snakeCase)
        #expect(value["artifact_sha256"] == "ab" && value["vine_id"] != nil && value["ratio"]?.text == "0.1")
        #expect(value["by_name"]?["camelCase_and_snake"]?["byte_count"] == 0)
        #expect(value["parts"]?.text == #"[{"byte_count":18446744073709551615,"times":[[1,2],[]]}]"#)
        #expect(value["optional"]?["someKey"] == .null)
    }

    @Test(arguments: [
        (#"{"byteCount":-1,"times":[]}"#, "byteCount"), (#"{"byteCount":1.5,"times":[]}"#, "byteCount"),
        (#"{"byteCount":1,"times":[["x"]]}"#, "times"),
        (#"{"byteCount":18446744073709551616,"times":[]}"#, "byteCount"),
        (#"{"byteCount":true,"times":[]}"#, "byteCount"), (#"{"byteCount":"1","times":[]}"#, "byteCount"),
    ])
    func whatDoesNotFitNamesItsField(text: String, field: String) throws {
        do {
            _ = try JSONValue(parsing: text.utf8).decoded(as: Sample.Part.self)
            Issue.record("decoded \(text)")
        } catch DecodingError.typeMismatch(_, let context), DecodingError.dataCorrupted(let context) {
            #expect(context.codingPath.map(\.stringValue) == [field])
        }
    }

    /// Foundation's coders would round numbers without a word.
    @Test func otherCodersAreRefused() throws {
        #expect(throws: (any Error).self) { try JSONDecoder().decode(JSONValue.self, from: Data("1".utf8)) }
        #expect(throws: (any Error).self) { try JSONEncoder().encode(["a": JSONValue.integer(1)]) }
    }
}

@Suite struct UnknownFieldTests {
    private struct Inner: Decodable { var innerName: Int? }
    private struct Outer: Decodable {
        var oneName: String?
        var inner: Inner?
        var list: [Inner]?
        var map: [String: Inner]?
        var free: JSONValue?
    }

    private func unknown(_ text: String) throws -> UnknownJSONField? {
        do {
            _ = try JSONValue(parsing: Array(text.utf8))
                .decoded(as: Outer.self, names: .snakeCase, refusingUnknownFields: true)
            return nil
        } catch let unknown as UnknownJSONField { return unknown }
    }

    @Test(arguments: [
        (#"{"oneName": "x"}"#, "oneName"), (#"{"inner": {"b": 1, "a": 2}}"#, "inner.a"),
        (#"{"list": [{}, {"x": 1}]}"#, "list.1.x"), (#"{"map": {"k": {"x": null}}}"#, "map.k.x"),
        (#"{"": 1}"#, ""), (#"{"one_name": null, "One_name": 1}"#, "One_name"),
    ])
    func isNamedWithItsPath(text: String, path: String) throws {
        let found = try #require(try unknown(text))
        #expect(found.path.joined(separator: ".") == path)
        #expect(found.known == (found.path.count == 1 ? ["free", "inner", "list", "map", "one_name"] : ["inner_name"]))
    }

    @Test func everyKnownFieldAndEveryFreeNamePasses() throws {
        let text =
            #"{"one_name": "x", "inner": {"inner_name": 1}, "list": [], "map": {"any": {}}, "free": {"a": [{"b": 1}]}}"#
        #expect(try unknown(text) == nil)
        #expect(try unknown("{}") == nil)
    }
}
