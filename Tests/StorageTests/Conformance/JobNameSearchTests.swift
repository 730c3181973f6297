import Domain
import Testing

@testable import Storage

@Suite struct JobNameSearchTests {
    @Test(arguments: StoreEngine.all) func findsTheNameThatTheRowShows(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine(project: "Wärmehaus", stage: "Prod")
            let old = try await bench.job(of: vine, at: 1)
            var renamed = vine
            (renamed.settings.projectName, renamed.settings.environmentStage) = ("Glasshouse", "live")
            renamed = try await bench.store.updateVine(renamed, secrets: VineSecrets())
            let new = try await bench.job(of: renamed, at: 2)
            func found(_ text: String) async throws -> [JobID] {
                try await bench.store.jobs(JobQuery(text: text), limit: 10, cursor: nil).items.map(\.id)
            }
            for text in ["wärme", "WÄRMEHAUS", "Wärmehaus / Prod", "wärmehaus/prod", "haus / p"] {
                #expect(try await found(text) == [old.id], "\(text)")
            }
            // The vine's name of today finds all of it.
            #expect(try await found("glasshouse / live") == [new.id, old.id])
            #expect(try await found("greenhouse") == [])
        }
    }
}
