import Domain
import Foundation
import HTTPTypes
import Storage
import Testing
import Wire

@testable import Trellis

/// What a list of vines tells, and the way a vine goes.
@Suite struct VineDeletionTests {
    /// A state with so many instances of managed resources, and a data source.
    static func state(_ serial: Int, instances: [Int]) -> String {
        let resources = instances.map { count in
            #"{"mode": "managed", "type": "x", "name": "y", "instances": ["#
                + Array(repeating: #"{"attributes": {"mode": "managed", "deep": [[{}]]}}"#, count: count)
                .joined(separator: ",") + "]}"
        }
        let data = #"{"mode": "data", "type": "d", "name": "e", "instances": [{}, {}]}"#
        return
            #"{"version": 4, "lineage": "l", "serial": \#(serial), "resources": [\#((resources + [data]).joined(separator: ","))]}"#
    }

    @Test func aVineWithResourcesGoesOnlyWhenItIsNamed() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            let path = "/api/vines/\(vine.id)"
            #expect(try await api.get(path).decode(VineResponse.self).resourceCount == 0)
            #expect(try await api.post("\(path)/state", Self.state(1, instances: [2, 0, 5])).status == 200)
            #expect(try await api.get(path).decode(VineResponse.self).resourceCount == 7)
            let refused = try await api.call(.delete, path)
            #expect(refused.status == 409)
            #expect(refused.error?.contains("7 resources") == true && refused.error?.contains("orchard/dev") == true)
            for wrong in ["orchard", "orchard/prod", "Orchard/dev", "7"] {
                #expect(try await api.call(.delete, "\(path)?confirm=\(wrong)").status == 400, "\(wrong)")
            }
            #expect(try await api.get(path).status == 200)
            #expect(try await api.call(.delete, "\(path)?confirm=orchard%20%2F%20dev").status == 204)
            #expect(try await api.get(path).status == 404)
        }
    }

    @Test func statesOfADeletedVineCanAllBeReadAndNotWritten() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            let path = "/api/vines/\(vine.id)"
            for serial in 1...3 {
                #expect(try await api.post("\(path)/state", Self.state(serial, instances: [serial])).status == 200)
            }
            #expect(try await api.call(.delete, "\(path)?confirm=orchard/dev").status == 204)
            let versions = try await api.get("\(path)/state/versions").decode(ListResponse<StateVersionResponse>.self)
            #expect(versions.items.map(\.serial) == [3, 2, 1])
            #expect(try await api.get("\(path)/state/versions/2").text == Self.state(2, instances: [2]))
            #expect(try await api.get("\(path)/state").text == Self.state(3, instances: [3]))
            #expect(try await api.post("\(path)/state", Self.state(4, instances: [1])).status == 404)
            #expect(try await api.post("\(path)/lock", #"{"ID": "x"}"#).status == 404)
            let gone = try await api.get("/api/vines?deleted=true").decode(ListResponse<VineResponse>.self)
            #expect(gone.items.map(\.id) == [vine.id] && gone.items[0].deletedAt != nil)
            #expect(try await api.get("/api/vines").decode(ListResponse<VineResponse>.self).items.isEmpty)
        }
    }

    @Test func jobsOfADeletedVineOfferNothing() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            let tendril = try await api.makeTendril()
            let job = try await api.makeJob(on: vine.id)
            try await tendril.finishPlan(tendril.claim())
            #expect(try await api.call(.delete, "/api/vines/\(vine.id)").status == 204)
            let check = try await api.get("/api/jobs/\(job.id)/apply-check").decode(ApplyCheckResponse.self)
            #expect(!check.valid && check.rerun == nil && check.vineDeleted == true && check.remedy == nil)
            for action in ["apply", "rerun"] {
                let reply = try await api.post("/api/jobs/\(job.id)/\(action)")
                #expect(reply.status == 409 && reply.error?.contains("deleted") == true, "\(action)")
            }
            #expect(try await api.get("/dashboard/jobs/\(job.id)").status == 200)
        }
    }

    @Test func aStateThatAnotherBackendKeepsIsNotKnown() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            let tendril = try await api.makeTendril()
            _ = try await api.makeJob(on: vine.id)
            let order = try await tendril.claim()
            #expect(try await tendril.report(order, API.start).status == 200)
            #expect(
                try await tendril.report(
                    order,
                    #""status": "FAILED", "engine_state": "GONE", "execution_metadata": {"state_kept_by": "s3"}"#
                ).status == 200)
            let record = try await api.get("/api/vines/\(vine.id)").decode(VineResponse.self)
            #expect(record.stateKeptBy == "s3" && record.resourceCount == nil)
            #expect(record.lastJob?.id == order.jobId && record.lastJob?.status == .failed)
            let refused = try await api.call(.delete, "/api/vines/\(vine.id)")
            #expect(refused.status == 409 && refused.error?.contains("kept by s3") == true)
            #expect(try await api.call(.delete, "/api/vines/\(vine.id)?confirm=orchard/dev").status == 204)
        }
    }

    @Test func nullClearsAFieldAndAbsenceKeepsIt() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            func patch(_ body: String) async throws -> VineResponse {
                try await api.call(.patch, "/api/vines/\(vine.id)", body).decode(VineResponse.self)
            }
            var record = try await patch(#"{"region": "eu-1", "engine": "tofu"}"#)
            #expect(record.region == "eu-1" && record.engine == .tofu)
            record = try await patch(#"{"environment_stage": "dev"}"#)
            #expect(record.region == "eu-1" && record.engine == .tofu)
            record = try await patch(#"{"engine": null}"#)
            #expect(record.region == "eu-1" && record.engine == nil)
            record = try await patch(#"{"region": null}"#)
            #expect(record.region == nil)
            record = try await patch(#"{"region": "eu-2"}"#)
            #expect(try await patch(#"{"region": ""}"#).region == nil)
            #expect(record.variables == ["rows": 4] && record.sensitiveVariables == ["db_password"])
            #expect(try await api.call(.patch, "/api/vines/\(vine.id)", #"{"engine": "helm"}"#).status == 400)
        }
    }
}
