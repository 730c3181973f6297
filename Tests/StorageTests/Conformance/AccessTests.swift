import Domain
import Foundation
import Storage
import Testing

/// Tokens, sign-in links and sessions.
@Suite struct AccessTests {
    private let one = Data([1])
    private let two = Data([2])

    @Test(arguments: StoreUnderTest.all) func aNewTokenReplacesItsNamesake(_ engine: StoreUnderTest) async throws {
        try await engine.run { bench in
            try await bench.store.setToken(hash: one, name: "admin", at: Bench.at(1))
            try await bench.store.setToken(hash: Data([9]), name: "other", at: Bench.at(1))
            #expect(try await bench.store.tokenName(hash: one) == "admin")
            try await bench.store.setToken(hash: two, name: "admin", at: Bench.at(2))
            #expect(try await bench.store.tokenName(hash: one) == nil)
            #expect(try await bench.store.tokenName(hash: two) == "admin")
            #expect(try await bench.store.tokenName(hash: Data([9])) == "other")
            try await bench.store.setToken(hash: two, name: "admin", at: Bench.at(3))
            #expect(try await bench.store.tokenName(hash: two) == "admin")
        }
    }

    @Test(arguments: StoreUnderTest.all) func aLinkWorksOnceAndInTime(_ engine: StoreUnderTest) async throws {
        try await engine.run { bench in
            try await bench.store.createSignInLink(hash: one, user: "ana", expiresAt: Bench.at(10))
            try await bench.store.createSignInLink(hash: two, user: "ben", expiresAt: Bench.at(10))
            #expect(try await bench.store.redeemSignInLink(hash: two, at: Bench.at(10)) == nil)
            #expect(try await bench.store.redeemSignInLink(hash: Data([3]), at: Bench.at(1)) == nil)
            let users = await withTaskGroup(of: String?.self) { group in
                for _ in 0..<8 {
                    group.addTask { try? await bench.store.redeemSignInLink(hash: one, at: Bench.at(9)) }
                }
                return await group.reduce(into: [String]()) { if let user = $1 { $0.append(user) } }
            }
            #expect(users == ["ana"])
            #expect(try await bench.store.redeemSignInLink(hash: one, at: Bench.at(9)) == nil)
        }
    }

    @Test(arguments: StoreUnderTest.all) func sessionsEnd(_ engine: StoreUnderTest) async throws {
        try await engine.run { bench in
            try await bench.store.createSession(hash: one, user: "ana", expiresAt: Bench.at(10))
            try await bench.store.createSession(hash: two, user: "ben", expiresAt: Bench.at(20))
            #expect(try await bench.store.sessionUser(hash: one, at: Bench.at(9)) == "ana")
            #expect(try await bench.store.sessionUser(hash: one, at: Bench.at(10)) == nil)
            #expect(try await bench.store.sessionUser(hash: Data([3]), at: Bench.at(1)) == nil)
            try await bench.store.deleteSession(hash: two)
            #expect(try await bench.store.sessionUser(hash: two, at: Bench.at(1)) == nil)
        }
    }

    @Test(arguments: StoreUnderTest.all) func expiredOnesAreDeleted(_ engine: StoreUnderTest) async throws {
        try await engine.run { bench in
            try await bench.store.createSession(hash: one, user: "ana", expiresAt: Bench.at(10))
            try await bench.store.createSession(hash: two, user: "ben", expiresAt: Bench.at(11))
            try await bench.store.createSignInLink(hash: one, user: "ana", expiresAt: Bench.at(10))
            try await bench.store.createSignInLink(hash: two, user: "ben", expiresAt: Bench.at(11))
            try await bench.store.deleteExpiredAccess(at: Bench.at(10))
            // Asked at an earlier time, what is still there would answer.
            #expect(try await bench.store.sessionUser(hash: one, at: Bench.at(1)) == nil)
            #expect(try await bench.store.redeemSignInLink(hash: one, at: Bench.at(1)) == nil)
            #expect(try await bench.store.sessionUser(hash: two, at: Bench.at(1)) == "ben")
            #expect(try await bench.store.redeemSignInLink(hash: two, at: Bench.at(1)) == "ben")
        }
    }
}
