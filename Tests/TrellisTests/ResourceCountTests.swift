import Crypto
import Domain
import Foundation
import Storage
import Testing
import Wire

@testable import Trellis

@Suite struct ResourceCountTests {
    /// A state as a version stored it that did not count.
    private func save(_ text: String, of vine: VineID, _ harness: TrellisHarness) async throws {
        let bytes = Data(text.utf8)
        _ = try await harness.store.saveState(
            bytes, of: vine, position: StatePosition(lineage: "l", serial: 1), resources: nil,
            sha256: SHA256.hash(data: bytes).hexadecimal, job: nil, lockID: nil, at: harness.clock.now)
    }

    @Test func oldStatesAreCountedAfterTheStart() async throws {
        try await TrellisHarness.run { harness, api async throws in
            func count(_ vine: VineID) async throws -> Int? {
                try await api.get("/api/vines/\(vine)").decode(VineResponse.self).resourceCount
            }
            var vines: [VineID] = []
            for index in 0..<105 { vines.append(try await api.makeVine("orchard-\(index)").id) }
            let (first, last, broken) = (vines[0], vines[104], vines[50])
            try await save(VineDeletionTests.state(1, instances: [2, 1]), of: first, harness)
            try await save(VineDeletionTests.state(1, instances: []), of: last, harness)
            try await save("no state", of: broken, harness)
            #expect(try await count(first) == nil)
            let uncounted = [first, last, broken].sorted { $0.rawValue < $1.rawValue }
            #expect(try await harness.store.uncountedVines(after: nil, limit: 2) == Array(uncounted[..<2]))
            #expect(try await harness.store.uncountedVines(after: uncounted[1], limit: 2) == [uncounted[2]])
            #expect(try await ResourceCount(store: harness.store).countAll() == 2)
            #expect(try await count(first) == 3)
            #expect(try await count(last) == 0)
            #expect(try await count(broken) == nil)
            #expect(try await ResourceCount(store: harness.store).countAll() == 0)
        }
    }
}
