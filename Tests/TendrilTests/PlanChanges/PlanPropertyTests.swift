import Domain
import Foundation
import Testing

@testable import Tendril

/// Plans that nobody would write: no crash, and nothing sensitive in what is sent.
@Suite struct PlanPropertyTests {
    /// Each with its own sequence, so that a failure can be repeated.
    private struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ (state >> 29)
        }
    }

    private static let secret = "s3cret-"

    private static func value(_ depth: Int, _ random: inout Generator) -> JSONValue {
        switch Int.random(in: 0..<(depth > 0 ? 9 : 6), using: &random) {
        case 0: return .null
        case 1: return .bool(.random(using: &random))
        case 2: return .integer(.random(in: -3...3, using: &random))
        case 3:
            return .string(
                ["", "a", "line\nline", "é\u{202e}", #"{"a": [1, {"b": "c"}]}"#].randomElement(using: &random) ?? "")
        case 4: return .string(secret + String(UInt32.random(in: 100_000...999_999, using: &random)))
        case 5: return .array([])
        case 6, 7:
            let count = Int.random(in: 0...4, using: &random)
            return .array((0..<count).map { _ in value(depth - 1, &random) })
        default: return object(depth, &random)
        }
    }

    private static func object(_ depth: Int, _ random: inout Generator) -> JSONValue {
        let names = ["a", "b", "c d", "p_wo", "p_wo_version", "\"", ""].shuffled(using: &random).prefix(4)
        return .object(Dictionary(uniqueKeysWithValues: names.map { ($0, value(depth - 1, &random)) }))
    }

    /// A tree of sensitivity that covers every secret in `value`, and more.
    private static func marks(_ value: JSONValue, _ random: inout Generator) -> JSONValue {
        if Int.random(in: 0..<12, using: &random) == 0 { return true }
        switch value {
        case .string(let text): return .bool(text.contains(secret))
        case .array(let items): return .array(items.map { marks($0, &random) })
        case .object(let members): return .object(members.mapValues { marks($0, &random) })
        default: return false
        }
    }

    private static func unknown(_ value: JSONValue, _ random: inout Generator) -> JSONValue {
        if Int.random(in: 0..<8, using: &random) == 0 { return true }
        switch value {
        case .array(let items): return .array(items.map { unknown($0, &random) })
        case .object(let members): return .object(members.mapValues { unknown($0, &random) })
        default: return ["no": 1, "maybe": true].randomElement(using: &random).map { _ in false } ?? false
        }
    }

    private static func change(_ random: inout Generator) -> JSONValue {
        let (before, after) = (object(4, &random), object(4, &random))
        let actions: [[JSONValue]] = [
            ["create"], ["update"], ["delete"], ["delete", "create"], ["create", "delete"], ["read"], ["odd"], [],
        ]
        return [
            "actions": .array(actions.randomElement(using: &random) ?? []), "before": before, "after": after,
            "before_sensitive": marks(before, &random), "after_sensitive": marks(after, &random),
            "after_unknown": unknown(after, &random), "replace_paths": [["a"], ["b", 0, "a"], "odd", [["x"]]],
        ]
    }

    @Test(arguments: 0..<40) func nothingSensitiveIsSent(_ seed: Int) throws {
        var random = Generator(state: UInt64(seed) &* 7_919 &+ 1)
        let changes = (0..<25).map { index -> JSONValue in
            ["address": .string("x.a[\(index)]"), "type": "x", "change": Self.change(&random)]
        }
        let plan: JSONValue = [
            "resource_changes": .array(changes), "resource_drift": .array(Array(changes.prefix(3))),
            "relevant_attributes": [["resource": "x.a", "attribute": ["a"]]],
            "output_changes": ["o": Self.change(&random), "p": Self.change(&random)],
        ]
        let sent = try PlanFixture.sent(PlanFixture.read(Data(plan.bytes)))
        #expect(!sent.contains(Self.secret), "seed \(seed)")
    }

    @Test(arguments: 0..<20) func damagedPlansAreRefusedOrRead(_ seed: Int) throws {
        var random = Generator(state: UInt64(seed) &* 104_729 &+ 3)
        let plan: JSONValue = [
            "resource_changes": [["address": "x.a", "change": Self.change(&random)]],
            "checks": [["status": 1, "instances": "odd", "address": []]], "deferred_changes": [["reason": 2], "odd"],
        ]
        var bytes = plan.bytes
        for _ in 0..<30 {
            var damaged = bytes
            let at = Int.random(in: 0..<damaged.count, using: &random)
            if Bool.random(using: &random) {
                damaged[at] = UInt8.random(in: 0...255, using: &random)
            } else {
                damaged.removeSubrange(at...)
            }
            _ = try? PlanFixture.read(Data(damaged))
        }
        bytes = Array(String(decoding: bytes, as: UTF8.self).replacing("true", with: "\"x\"").utf8)
        _ = try PlanFixture.read(Data(bytes))
    }
}
