import Foundation
import Testing

@testable import vintner

@Suite struct StoredLoginTests {
    @Test func aTokenIsStoredForItsOwnerAlone() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/login-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = StoredLogin.path(["XDG_CONFIG_HOME": folder])
        #expect(path == folder + "/vintner/login.json")
        #expect(try StoredLogin.read(path) == nil)
        let login = StoredLogin(url: "https://vintner.example.com", token: "vnt_x")
        try login.write(path)
        try StoredLogin(url: "https://vintner.example.com", token: "vnt_y").write(path)
        #expect(try StoredLogin.read(path)?.token == "vnt_y")
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
        #expect(throws: CommandFailure.self) { try StoredLogin.read(path) }
    }

    @Test func theAddressHasTheChallengeAndNotTheSecret() {
        let login = LoginChallenge()
        let address = login.address(server: "https://vintner.example.com", name: "laptop & more")
        #expect(address.hasPrefix("https://vintner.example.com/dashboard/account/login?challenge="))
        #expect(address.hasSuffix("&name=laptop%20%26%20more") && !address.contains(login.verifier))
    }
}
