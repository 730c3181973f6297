import Domain
import Foundation
import Testing

@testable import Trellis

@Suite struct PasswordTests {
    private static let cheap = PasswordHash.Cost(rounds: 16, blockSize: 8, parallelism: 1)

    @Test func aPasswordIsStoredWithItsParameters() throws {
        let made = try PasswordHash("correct horse battery", cost: Self.cheap, ambient: .system)
        #expect(made.encoded.hasPrefix("scrypt:16:8:1:"))
        let stored = try #require(PasswordHash(encoded: made.encoded))
        #expect(stored.matches("correct horse battery") && !stored.matches("correct horse battery "))
        let again = try PasswordHash("correct horse battery", cost: Self.cheap, ambient: .system)
        #expect(again.encoded != made.encoded, "each has a salt of its own")
    }

    @Test func theKeyIsTheOneOfTheRFC() throws {
        // RFC 7914, section 12: "pleaseletmein", "SodiumChloride", N=16384, r=8, p=1, the first 32 bytes.
        let key = "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
        var bytes = Data()
        for start in stride(from: 0, to: key.count, by: 2) {
            let from = key.index(key.startIndex, offsetBy: start)
            bytes.append(try #require(UInt8(key[from..<key.index(from, offsetBy: 2)], radix: 16)))
        }
        let salt = Data("SodiumChloride".utf8).base64EncodedString()
        let stored = try #require(PasswordHash(encoded: "scrypt:16384:8:1:\(salt):\(bytes.base64EncodedString())"))
        #expect(stored.matches("pleaseletmein"))
    }

    @Test(arguments: [
        "", "scrypt:16:8:1:AAAA", "bcrypt:16:8:1:AAAA:AAAA", "scrypt:15:8:1:AAAA:", "scrypt:1:8:1:AAAA:AAAA",
        "scrypt:1048576:8:1:AAAA:AAAA", "scrypt:16:0:1:AAAA:AAAA", "scrypt:16:8:99:AAAA:AAAA",
    ])
    func aDamagedHashIsNotComputed(_ text: String) {
        let key = Data(repeating: 0, count: 32).base64EncodedString()
        #expect(PasswordHash(encoded: text) == nil)
        #expect(PasswordHash(encoded: text.replacing(":AAAA:AAAA", with: ":AAAA:\(key)")) == nil)
    }

    @Test func lengthsAreCheckedAtTheirEdges() {
        for (length, isGood) in [(11, false), (12, true), (256, true), (257, false)] {
            let password = String(repeating: "x", count: length)
            #expect(((try? PasswordHash.check(password)) != nil) == isGood, "\(length)")
        }
    }

    @Test func anUnknownNameIsCheckedTooAndNeverMatches() async throws {
        let passwords = Passwords(cost: Self.cheap, ambient: .system)
        #expect(try await !passwords.matches("correct horse battery", nil))
        #expect(try await !passwords.matches("", "damaged"))
        let stored = try await passwords.encode("correct horse battery")
        #expect(try await passwords.matches("correct horse battery", stored))
        #expect(try await !passwords.matches("correct horse", stored))
    }
}

@Suite struct AttemptLimitTests {
    private let clock = TestClock()

    private func limit() -> AttemptLimit {
        AttemptLimit(
            limits: .init(perAccount: 3, perAddress: 5),
            ambient: SystemDependencies(now: { clock.now }, randomBytes: SystemDependencies.system.randomBytes))
    }

    private func isRefused(_ limit: AttemptLimit, _ account: String, _ address: String) -> String? {
        do {
            try limit.begin(account: account, address: address)
            return nil
        } catch { return error.reason }
    }

    @Test func anAccountIsLimitedFromEveryAddress() throws {
        let limit = limit()
        #expect(try limit.begin(account: "ana", address: "1") == 2)
        #expect(try limit.begin(account: "ANA", address: "2") == 1)
        #expect(try limit.begin(account: "ana", address: "3") == 0)
        #expect(isRefused(limit, "ana", "4")?.contains("Try again in 10 min.") == true)
        #expect(isRefused(limit, "ben", "4") == nil)
        clock.advance(seconds: 599)
        #expect(isRefused(limit, "ana", "4")?.contains("Try again in 1 s.") == true)
        clock.advance(seconds: 1)
        #expect(isRefused(limit, "ana", "4") == nil)
    }

    @Test func anAddressIsLimitedForEveryAccount() {
        let limit = limit()
        for number in 0..<5 { #expect(isRefused(limit, "user \(number)", "1") == nil) }
        #expect(isRefused(limit, "another", "1") != nil)
        #expect(isRefused(limit, "another", "2") == nil)
    }

    @Test func aSuccessDoesNotCount() throws {
        let limit = limit()
        for _ in 0..<20 {
            try limit.begin(account: "ana", address: "1")
            limit.succeed(account: "ana", address: "1")
        }
        #expect(try limit.begin(account: "ana", address: "1") == 2)
    }

    @Test func memoryIsBounded() throws {
        let limit = limit()
        for number in 0..<(AttemptLimit.capacity + 10) {
            try limit.begin(account: "\(number)", address: "address \(number)")
        }
        // The newest are still known.
        let last = "\(AttemptLimit.capacity + 9)"
        #expect(try limit.begin(account: last, address: "x") == 1)
    }
}
