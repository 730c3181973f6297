import Domain
import Foundation
import SystemCalls
import Testing
import Wire

@testable import Tendril

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The identity's files of an engine that runs as another user, who tries to misuse them.
@Suite struct IdentityFilesTests {
    let place: Place

    init() throws { place = try Place() }

    private static let isRoot = geteuid() == 0

    private func user() throws -> EngineUser {
        let fields = #"{"name": "nobody", "uid": 65534, "gid": 65534, "home": "/"}"#
        return try JSONDecoder().decode(EngineUser.self, from: Data(fields.utf8))
    }

    private func status(of path: String) throws -> stat {
        var status = stat()
        try #require(lstat(path, &status) == 0, "\(path)")
        return status
    }

    private func folder(_ user: EngineUser?) -> JobFolder {
        var host = Fixtures.host(place, FakeTrellis(), FakeJobServices(engine: ScriptedEngine().run))
        host.user = user
        return host.folder(of: SystemDependencies.system.makeID())
    }

    /// What the engine's user owns, it can replace by a link while the Tendril writes there.
    @Test func theFolderIsNotBelowOneOfTheEnginesUser() throws {
        let other = folder(try user())
        #expect(!other.identity.hasPrefix(other.exchange + "/") && !other.identity.hasPrefix(other.path + "/"))
        #expect(other.identity.hasPrefix("\(place.path)/run/.identities/"))
        let own = folder(nil)
        #expect(own.identity == own.path + "/identity")
    }

    @Test func theFolderGoesWithTheJob() throws {
        let folder = folder(try user())
        for path in [folder.path, folder.exchange, folder.identity] { try Files.makeFolder(path) }
        try Files.write(Data("t".utf8), to: folder.identity + "/token")
        try folder.remove()
        for path in [folder.path, folder.exchange, folder.identity] { #expect(Files.kind(of: path) == nil) }
    }

    @Test func aLinkInThePlaceOfAFolderIsRefused() throws {
        let (target, link) = (place.path + "/target", place.path + "/link")
        try Files.makeFolder(target)
        #expect(symlink(target, link) == 0)
        #expect(throws: PosixError.self) { try EngineUser.makePassableFolder(link) }
        #expect(try status(of: target).st_mode & 0o777 == 0o700)
        let fresh = place.path + "/fresh"
        for _ in 0..<2 {
            try EngineUser.makePassableFolder(fresh)
            #expect(try status(of: fresh).st_mode & 0o777 == 0o711)
        }
    }

    @Test(.enabled(if: isRoot, "needs root")) func onlyTheFilesBelongToTheEnginesUser() throws {
        let user = try EngineUser(named: "nobody")
        let folder = folder(user)
        try Files.makeFolder(place.path + "/run")
        let files = IdentityFiles(folder, user: user)
        for number in 0..<2 {
            let token = JobIdentityTests.token(.plan, number)
            try files.write(token, tokenURL: "https://sts.test")
            #expect(try Files.read(files.token) == Data(token.token.utf8))
            let file = try status(of: files.token)
            #expect(file.st_uid == user.uid && file.st_mode & 0o777 == 0o400)
        }
        for path in [folder.identity, place.path + "/run/.identities"] {
            let status = try status(of: path)
            #expect(status.st_uid == 0 && status.st_mode & 0o777 == 0o711, "\(path)")
        }
    }

    @Test(.enabled(if: isRoot, "needs root")) func aRenewalFollowsNoLink() throws {
        let user = try EngineUser(named: "nobody")
        let folder = folder(user)
        try Files.makeFolder(place.path + "/run/.identities")
        let target = place.path + "/target"
        try Files.makeFolder(target)
        #expect(symlink(target, folder.identity) == 0)
        let files = IdentityFiles(folder, user: user)
        #expect(throws: PosixError.self) { try files.write(JobIdentityTests.token(), tokenURL: "https://sts.test") }
        #expect(Posix.names(in: target).isEmpty)
        #expect(try status(of: target).st_uid == 0)
    }

    @Test(.enabled(if: isRoot, "needs root")) func whatIsGivenToTheUserEndsAtALink() throws {
        let user = try EngineUser(named: "nobody")
        let (target, given) = (place.path + "/target", place.path + "/given")
        try Files.makeFolder(target)
        try Files.write(Data("x".utf8), to: target + "/secret")
        try Files.makeFolder(given + "/deep/deeper")
        try Files.write(Data("x".utf8), to: given + "/deep/deeper/file")
        #expect(symlink(target, given + "/deep/link") == 0)
        #expect(mkfifo(given + "/fifo", 0o600) == 0)
        try user.own(given)
        for name in ["", "/deep", "/deep/deeper", "/deep/deeper/file", "/deep/link", "/fifo"] {
            #expect(try status(of: given + name).st_uid == user.uid, "\(name)")
        }
        for path in [target, target + "/secret"] { #expect(try status(of: path).st_uid == 0) }
    }
}
