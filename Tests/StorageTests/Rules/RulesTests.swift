import Crypto
import Domain
import Foundation
import Testing

@testable import Storage

/// The pure parts that every engine shares.
@Suite struct RulesTests {
    @Test(
        arguments: [
            [], [(1, 0)], [(1, 1_800_000_000_000)],
            [(3, 1_800_000_000_000), (127, 1_800_000_000_000), (128, 1_900_000_000_000)],
            [(1, -5), (1, 127), (1, 128), (16384, .max)], [(.max, .min), (1, .max)],
        ] as [[(Int, Int64)]]) func timesComeBack(_ runs: [(Int, Int64)]) throws
    {
        let times = LineTimes(runs.map { LineTimes.Run(lines: $0.0, at: Timestamp(milliseconds: $0.1)) })
        #expect(try LineTimes(encoded: times.encoded) == times)
    }

    /// What the writer parses with a job's row is bounded, whatever a Tendril reports.
    @Test func theSmallDocumentsOfARowAreSmall() throws {
        let long = String(repeating: "x", count: 1 << 20)
        let outcome = Outcome(
            result: .failed, phase: long,
            unfinished: Array(repeating: String(repeating: "\u{1}", count: 700), count: 1000),
            summary: long
        ).fitted().outcome
        let names = JobMetadata(.object([:]), truncated: (0..<500).map { "\($0)" + long }, limit: 1000).truncated
        let bytes = try StoredJSON.encode(outcome).utf8.count + StoredJSON.encode(names).utf8.count
        #expect(bytes < 512 << 10, "\(bytes)")
    }

    @Test func timesAreSmall() {
        var times = LineTimes()
        for line in 0..<1000 {
            times.append(lines: 1, at: Timestamp(milliseconds: 1_800_000_000_000 + Int64(line) * 20))
        }
        #expect(times.encoded.count <= 2010)
    }

    @Test(
        arguments: [
            [0x80], [1], [1, 0x80], Array(repeating: 0xff, count: 11),
            [1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
        ] as [[UInt8]])
    func damagedTimesThrow(_ bytes: [UInt8]) {
        #expect(throws: StorageError.self) { try LineTimes(encoded: Data(bytes)) }
    }

    @Test func notesBecomeChunksWithinTheLimit() {
        let limits = LogLimits(chunkBytes: 10)
        let systemLines = ["abc", "defgh", "i", "jklmnopqrstuvwüxyz", ""]
        let chunks = SystemChunks.chunks(systemLines, at: StoreFixture.at(1), limits: limits)
        let texts = chunks.map { String(decoding: $0.text, as: UTF8.self) }
        #expect(texts == ["abc\ndefgh\n", "i\n", "jklmnopqrs", "tuvwüxyz\n", "\n"])
        #expect(chunks.map(\.continued) == [false, false, false, true, false])
        #expect(chunks.map(\.lineCount) == [2, 1, 1, 1, 1])
        #expect(chunks.allSatisfy { $0.times.lineCount == $0.lineCount && $0.stream == .system })
        let cut = SystemChunks.chunks(["üüüüüü"], at: StoreFixture.at(1), limits: LogLimits(chunkBytes: 5))
        #expect(cut.map { String(decoding: $0.text, as: UTF8.self) } == ["üü", "üü", "üü\n"])
    }

    @Test func configurationDigestCoversRelevantFields() throws {
        let vault = Vault(key: SymmetricKey(data: Data(repeating: 1, count: 32)))
        let settings = StoreFixture.settings()
        let secrets = VineSecrets(variables: ["p": "s3cret-value"], environment: ["E": "s3cret-other"])
        func digest(_ change: (inout VineSettings, inout VineSecrets) -> Void = { _, _ in }) throws -> String {
            var (settings, secrets) = (settings, secrets)
            change(&settings, &secrets)
            return try vault.configurationDigest(of: settings, secrets: secrets)
        }
        let base = try digest()
        #expect(try digest() == base)
        #expect(try digest { settings, _ in settings.projectName = "x" } == base)
        let others = [
            try digest { settings, _ in settings.region = "r" },
            try digest { settings, _ in settings.engine = .tofu },
            try digest { settings, _ in settings.variables["size"] = 4 },
            try digest { settings, _ in settings.environment["A"] = "b" },
            try digest { settings, _ in settings.source = .inline(files: [:]) },
            try digest { settings, _ in settings.source = .inline(files: ["main.tf": "x"]) },
            try digest { settings, _ in settings.source = .inline(files: ["main.tf": "x"], path: "a") },
            try digest { settings, _ in
                settings.source = .inline(files: ["main.tf": InlineFile("x", isExecutable: true)])
            },
            try digest { settings, _ in
                settings.source = .inline(files: ["main.tf": InlineFile("eA==", encoding: .base64)])
            },
            try digest { _, secrets in secrets.variables["p"] = "s3cret-VALUE" },
            try digest { _, secrets in secrets.environment["E"] = "s3cret-OTHER" },
            try digest { _, secrets in secrets.environment = [:] },
        ]
        #expect(Set(others + [base]).count == 13)
        let elsewhere = Vault(key: SymmetricKey(data: Data(repeating: 2, count: 32)))
        #expect(try elsewhere.configurationDigest(of: settings, secrets: secrets) != base)
    }
}
