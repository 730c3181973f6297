import Domain
import Foundation
import Storage
import Testing

/// Tokens, sign-in links and sessions.
@Suite struct AccessTests {
    private let one = Data([1])
    private let two = Data([2])

    @Test(arguments: StoreEngine.all) func newTokenReplacesSameName(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            try await bench.store.setToken(hash: one, name: "admin", at: StoreFixture.at(1))
            try await bench.store.setToken(hash: Data([9]), name: "other", at: StoreFixture.at(1))
            #expect(try await bench.store.account(ofToken: one, at: StoreFixture.at(3))?.name == "admin")
            try await bench.store.setToken(hash: two, name: "admin", at: StoreFixture.at(2))
            #expect(try await bench.store.account(ofToken: one, at: StoreFixture.at(3))?.name == nil)
            #expect(try await bench.store.account(ofToken: two, at: StoreFixture.at(3))?.name == "admin")
            #expect(try await bench.store.account(ofToken: Data([9]), at: StoreFixture.at(3))?.name == "admin")
            try await bench.store.setToken(hash: two, name: "admin", at: StoreFixture.at(3))
            #expect(try await bench.store.account(ofToken: two, at: StoreFixture.at(3))?.name == "admin")
        }
    }

    @Test(arguments: StoreEngine.all) func aLinkWorksOnceAndInTime(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            try await bench.store.createSignInLink(hash: one, user: "ana", expiresAt: StoreFixture.at(10))
            try await bench.store.createSignInLink(hash: two, user: "ben", expiresAt: StoreFixture.at(10))
            #expect(
                try await bench.store.redeemSignInLink(hash: two, newID: StoreFixture.newID(), at: StoreFixture.at(10))
                    == nil)
            #expect(
                try await bench.store.redeemSignInLink(
                    hash: Data([3]), newID: StoreFixture.newID(), at: StoreFixture.at(1)) == nil)
            let users = await withTaskGroup(of: String?.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        try? await bench.store.redeemSignInLink(
                            hash: one, newID: StoreFixture.newID(), at: StoreFixture.at(9))
                    }
                }
                return await group.reduce(into: [String]()) { if let user = $1 { $0.append(user) } }
            }
            #expect(users == ["ana"])
            #expect(
                try await bench.store.redeemSignInLink(hash: one, newID: StoreFixture.newID(), at: StoreFixture.at(9))
                    == nil)
        }
    }

    @Test(arguments: StoreEngine.all) func sessionsEnd(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            try await bench.store.createSession(.of("ana", hash: one, until: StoreFixture.at(10)))
            try await bench.store.createSession(.of("ben", hash: two, until: StoreFixture.at(20)))
            #expect(try await bench.store.account(ofSession: one, at: StoreFixture.at(9))?.name == "ana")
            #expect(try await bench.store.account(ofSession: one, at: StoreFixture.at(10))?.name == nil)
            #expect(try await bench.store.account(ofSession: Data([3]), at: StoreFixture.at(1))?.name == nil)
            try await bench.store.deleteSession(hash: two)
            #expect(try await bench.store.account(ofSession: two, at: StoreFixture.at(1))?.name == nil)
        }
    }

    @Test(arguments: StoreEngine.all) func accessIsListedAndRevoked(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let hashes = (1...6).map { Data(repeating: UInt8($0), count: 32) }
            try await bench.store.setToken(hash: hashes[0], name: "admin", at: StoreFixture.at(1))
            try await bench.store.setToken(hash: hashes[1], name: "ci", at: StoreFixture.at(2))
            try await bench.store.setToken(hash: hashes[5], name: "kept", at: StoreFixture.at(2))
            try await bench.store.createSession(.of("ana", hash: hashes[2], until: StoreFixture.at(20)))
            try await bench.store.createSession(.of("ben", hash: hashes[3], until: StoreFixture.at(10)))
            try await bench.store.createSignInLink(hash: hashes[4], user: "eve", expiresAt: StoreFixture.at(30))
            let tokens = try await bench.store.tokens(of: nil)
            #expect(tokens.map(\.name) == ["admin", "ci", "kept"] && tokens[1].createdAt == StoreFixture.at(2))
            #expect(tokens[0].id == String(repeating: "01", count: 16))
            #expect(try await bench.store.sessions(at: StoreFixture.at(9)).map(\.name) == ["ben", "ana", "eve"])
            let late = try await bench.store.sessions(at: StoreFixture.at(10))
            #expect(late.map(\.kind) == [.session, .link] && late[0].expiresAt == StoreFixture.at(20))
            #expect(try await bench.store.accessEntry(late[0].id) == late[0])
            #expect(try await bench.store.accessEntry(late[1].id) == late[1])
            #expect(try await bench.store.accessEntry(tokens[1].id) == tokens[1])
            for id in ["", "01", String(repeating: "0", count: 32), String(repeating: "g", count: 32), "é"] {
                #expect(try await bench.store.accessEntry(id) == nil)
                #expect(try await bench.store.revokeAccess(id) == nil)
            }
            let revoked = try await bench.store.revokeAccess(late[0].id)
            #expect(revoked == late[0])
            #expect(try await bench.store.revokeAccess(late[0].id) == nil)
            #expect(try await bench.store.account(ofSession: hashes[2], at: StoreFixture.at(9))?.name == nil)
            #expect(try await bench.store.account(ofSession: hashes[3], at: StoreFixture.at(9))?.name == "ben")
            let all = try await bench.store.revokeAllAccess(exceptToken: "admin", keeping: [tokens[2].id])
            #expect(Set(all.map(\.name)) == ["ci", "ben", "eve"])
            #expect(try await bench.store.tokens(of: nil).map(\.name) == ["admin", "kept"])
            #expect(try await bench.store.sessions(at: StoreFixture.at(0)).isEmpty)
            #expect(
                try await bench.store.redeemSignInLink(
                    hash: hashes[4], newID: StoreFixture.newID(), at: StoreFixture.at(9)) == nil)
        }
    }

    @Test(arguments: StoreEngine.all) func expiredOnesAreDeleted(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            try await bench.store.createSession(.of("ana", hash: one, until: StoreFixture.at(10)))
            try await bench.store.createSession(.of("ben", hash: two, until: StoreFixture.at(11)))
            try await bench.store.createSignInLink(hash: one, user: "ana", expiresAt: StoreFixture.at(10))
            try await bench.store.createSignInLink(hash: two, user: "ben", expiresAt: StoreFixture.at(11))
            try await bench.store.deleteExpiredAccess(at: StoreFixture.at(10))
            // Asked at an earlier time, what is still there would answer.
            #expect(try await bench.store.account(ofSession: one, at: StoreFixture.at(1))?.name == nil)
            #expect(
                try await bench.store.redeemSignInLink(hash: one, newID: StoreFixture.newID(), at: StoreFixture.at(1))
                    == nil)
            #expect(try await bench.store.account(ofSession: two, at: StoreFixture.at(1))?.name == "ben")
            #expect(
                try await bench.store.redeemSignInLink(hash: two, newID: StoreFixture.newID(), at: StoreFixture.at(1))
                    == "ben")
        }
    }
}
