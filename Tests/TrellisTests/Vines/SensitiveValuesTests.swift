import Domain
import HTTPTypes
import Testing
import Wire

@testable import Trellis

/// What a vine's sensitive values may be.
@Suite struct SensitiveValuesTests {
    private func vine(_ sensitive: String) -> String {
        """
        {"project_name": "orchard", "environment_stage": "dev", "sensitive_variables": \(sensitive),
         "source": {"type": "inline", "files": {"main.tf": "terraform {}"}}}
        """
    }

    @Test func shortMembersAreNamedInTheAnswer() async throws {
        try await TrellisHarness.run { _, api async throws in
            let reply = try await api.post(
                "/api/vines", vine(#"{"db": {"user": "app", "password": "correct-horse-battery", "port": 5432}}"#))
            #expect(reply.status == 201)
            let vine = try reply.decode(VineResponse.self)
            let warnings = ["Not masked, because shorter than 6 characters: db.port, db.user."]
            #expect(vine.warnings == warnings)
            #expect(try await api.get("/api/vines/\(vine.id)").decode(VineResponse.self).warnings == warnings)
            let patched = try await api.call(
                .patch, "/api/vines/\(vine.id)",
                #"{"sensitive_variables": {"db": {"password": "correct-horse-battery"}}}"#)
            #expect(try patched.decode(VineResponse.self).warnings == nil)
        }
    }

    @Test func aValueOfWhichNothingCanBeMaskedIsRefusedByName() async throws {
        try await TrellisHarness.run { _, api async throws in
            let reply = try await api.post(
                "/api/vines", vine(#"{"token": "long-enough", "keys": {"pin": 1234, "a": ["x"]}}"#))
            #expect(reply.status == 400)
            #expect(reply.error?.hasSuffix(": keys.a[0], keys.pin.") == true)
            #expect(try await api.get("/api/vines").decode(ListResponse<VineResponse>.self).items.isEmpty)
        }
    }
}
