import Domain
import Foundation
import Testing

@Suite struct JobMetadataTests {
    private func text(_ count: Int) -> JSONValue { .string(String(repeating: "x", count: count)) }

    private func outputs(_ sizes: [Int]) -> JSONValue {
        .object(Dictionary(uniqueKeysWithValues: sizes.enumerated().map { ("o\($0)", text($1)) }))
    }

    @Test func whatFitsIsLeftAlone() {
        let value: JSONValue = ["outputs": outputs([10, 20]), "resources": [["address": "a.b"]], "x": 1]
        let fitted = JobMetadata(value, limit: value.encodedBytes)
        #expect(fitted.value == value && fitted.truncated.isEmpty)
    }

    @Test func theLargestOutputsGoByName() {
        let value: JSONValue = ["outputs": outputs([100, 9000, 200, 8000]), "changes": ["add": 1]]
        let fitted = JobMetadata(value, limit: 9000)
        #expect(fitted.truncated == ["outputs.o1"])
        #expect(fitted.value["outputs"]?["o1"] == JobMetadata.tooLarge)
        #expect(fitted.value["outputs"]?["o3"] == text(8000))
        #expect(fitted.value["changes"] == ["add": 1])
    }

    @Test func aListLosesItsEndAndIsCounted() {
        let list = JSONValue.array((0..<100).map { ["address": .string("a.b[\($0)]"), "action": "create"] })
        let fitted = JobMetadata(["resources": list, "resources_omitted": 5], limit: 1500)
        #expect(fitted.truncated == ["resources"])
        guard case .array(let kept) = fitted.value["resources"] else { return #expect(Bool(false)) }
        #expect(kept.first?["address"] == "a.b[0]" && !kept.isEmpty)
        #expect(fitted.value["resources_omitted"]?.integerValue == Int64(105 - kept.count))
    }

    /// Whatever it holds, the result is an object within the bound, and says what is missing.
    @Test(arguments: [1000, 4096, 100_000, JobMetadata.reportedBytes])
    func everythingFitsEverywhere(limit: Int) throws {
        let many = JSONValue.object(
            Dictionary(uniqueKeysWithValues: (0..<3000).map { ("name-\($0)-\u{1}\"\\", text(500)) }))
        let hostile: [JSONValue] = [
            ["outputs": many], ["outputs": text(2_000_000)], ["resources": many], ["own": many],
            ["outputs": many, "resources": .array([text(900_000), text(3)]), "own": many, "x": 1], many,
            [.init(repeating: "n", count: 900_000): 1, "resources": text(5_000_000)], [1, 2],
        ]
        for value in hostile {
            let fitted = JobMetadata(value, limit: limit)
            guard case .object = fitted.value else { return #expect(Bool(false)) }
            #expect(fitted.value.bytes.count <= limit)
            #expect(fitted.truncated.count <= JobMetadata.nameLimit)
            #expect(fitted.truncated.allSatisfy { $0.utf8.count <= 300 })
            if value.encodedBytes > limit { #expect(!fitted.truncated.isEmpty) }
        }
    }

    @Test func shortenedTextSaysSo() {
        #expect("abc".shortened(toBytes: 3) == "abc")
        #expect("abcdef".shortened(toBytes: 5) == "ab…")
        #expect("üüüü".shortened(toBytes: 6) == "ü…")
        let outcome = Outcome(
            result: .failed, unfinished: (0..<150).map { "a.b[\($0)]" }, summary: String(repeating: "s", count: 9000))
        let fitted = outcome.fitted()
        #expect(fitted.isCut && fitted.outcome.unfinished?.count == 100)
        #expect(fitted.outcome.summary.utf8.count == Outcome.summaryBytes && fitted.outcome.summary.hasSuffix("…"))
        #expect(!Outcome(result: .failed, unfinished: ["a.b"], summary: "s").fitted().isCut)
    }

    @Test func aDiagnosticStaysWithinItsBounds() {
        let long = String(repeating: "d", count: 5000)
        let most = Diagnostic(
            summary: String(repeating: "s", count: Diagnostic.nameBytes),
            detail: String(repeating: "d", count: Diagnostic.detailBytes), address: "a.b", file: "main.tf", line: 1)
        #expect(most.fitted() == most)
        let over = Diagnostic(summary: long, detail: long, address: long, file: long, line: 0, others: -1)
        let outcome = Outcome(result: .failed, diagnostic: over, summary: "s").fitted().outcome
        let fitted = outcome.diagnostic
        #expect(
            fitted?.summary.utf8.count == Diagnostic.nameBytes
                && fitted?.address?.utf8.count == RunResource.addressBytes)
        #expect(fitted?.detail.utf8.count == Diagnostic.detailBytes && fitted?.detail.hasSuffix("…") == true)
        #expect(fitted?.file?.utf8.count == 1024 && fitted?.line == nil && fitted?.others == 0)
    }

    @Test(arguments: [
        "a.b", "aws_x.y[0]", #"module.a["k.e[y]"].data.x.y"#, "module.a", "module.a.module.b[1]", "data.x.y",
        #"a.b["q\"uote"]"#,
    ])
    func addressesThatPass(address: String) throws {
        try RunOptions(targets: [address]).check(for: .plan)
    }

    @Test(arguments: [
        "", "-x", "a", "a.b.c", "a..b", "a.b[", "a.b[x]", "a.b[\"x]", "a.b c", "a.b\n", "module", "0a.b", "a.b[\"\n\"]",
        "--help", "a.b[0]x",
    ])
    func addressesThatDoNot(address: String) {
        #expect(throws: Refusal.self) { try RunOptions(targets: [address]).check(for: .plan) }
    }
}
