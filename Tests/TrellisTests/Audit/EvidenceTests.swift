import Crypto
import Domain
import Foundation
import HTTPTypes
import Storage
import Testing
import Wire

@testable import Trellis

/// Evidence files: what they hold, and that every byte of them counts.
@Suite struct EvidenceTests {
    /// A DEPLOY that has ended, with a state before and after it.
    private func deploy(_ api: API, lines: Int = 3) async throws -> JobID {
        let vine = try await api.makeVine()
        let tendril = try await api.makeTendril()
        let before = #"{"version": 4, "serial": 6, "lineage": "l", "resources": []}"#
        #expect(try await api.post("/api/vines/\(vine.id)/state", before).status == 200)
        let plan = try await api.makeJob(on: vine.id)
        let planned = try await tendril.claim()
        #expect(try await tendril.report(planned, API.start).status == 200)
        #expect(try await tendril.saveArtifact(planned).status == 204)
        let end = #""status": "SUCCESS", "engine_state": "GONE", "planned_state": {"lineage": "l", "serial": 6}"#
        #expect(try await tendril.report(planned, end).status == 200)
        let job = try await api.post("/api/jobs/\(plan.id)/apply").decode(JobResponse.self)
        let order = try await tendril.claim()
        #expect(try await tendril.report(order, API.start).status == 200)
        for n in 1...lines { #expect(try await tendril.append(order, n: n, "line \(n) of Größe\n").status == 200) }
        let after = #"{"version": 4, "serial": 7, "lineage": "l", "resources": []}"#
        let lock = #"{"ID": "\#(job.id):1", "Who": "t-1"}"#
        #expect(try await tendril.post("/api/vines/\(vine.id)/lock", lock).status == 200)
        #expect(try await tendril.post("/api/vines/\(vine.id)/state?ID=\(job.id):1", after).status == 200)
        #expect(try await tendril.call(.delete, "/api/vines/\(vine.id)/lock", lock).status == 200)
        #expect(try await api.get("/api/jobs/\(job.id)/evidence").status == 409)
        let last = #""status": "SUCCESS", "engine_state": "GONE", "log": {"incomplete": "test"}"#
        #expect(try await tendril.report(order, last).status == 200)
        return job.id
    }

    private func key(_ api: API) async throws -> EvidenceKey {
        let reply = try await api.get("/api/evidence-key").decode(EvidenceKeyResponse.self)
        let key = try #require(EvidenceKey(pem: reply.publicKey))
        #expect(key.id == reply.keyId)
        return key
    }

    private func verify(_ file: Data, _ key: EvidenceKey) -> EvidenceVerification {
        var rest = file[...]
        return EvidenceVerification(key: key) { count in
            let part = rest.prefix(count)
            rest = rest.dropFirst(part.count)
            return Data(part)
        }
    }

    @Test func aFileSaysWhoDidWhat() async throws {
        try await TrellisHarness.run { harness, api async throws in
            let id = try await deploy(api)
            let reply = try await api.get("/api/jobs/\(id)/evidence")
            #expect(reply.headers[.contentDisposition] == "attachment; filename=\"\(id.short).evidence\"")
            let checked = verify(reply.body, try await key(api))
            #expect(checked.problems.isEmpty, "\(checked.problems)")
            let manifest = try #require(checked.manifest)
            #expect(manifest["job"]?["id"]?.stringValue == id.rawValue)
            #expect(manifest["people"]?["applied_by"]?["name"] == "admin")
            #expect(manifest["people"]?["planned_by"]?["source"] == "token")
            #expect(manifest["plan"]?["artifact_sha256"]?.stringValue?.count == 64)
            #expect(manifest["state"]?["before"]?["serial"] == 6 && manifest["state"]?["after"]?["serial"] == 7)
            #expect(manifest["vine"]?["project_name"] == "orchard")
            let text = String(decoding: reply.body, as: UTF8.self)
            #expect(text.contains("line 3 of Größe") && text.contains("job.apply") && text.contains("job.create"))
            #expect(!text.contains("hunter2-hunter2") && !text.contains("\"serial\": 7, \"lineage\""))
            // A second one has the first one's event.
            let second = try await api.get("/api/jobs/\(id)/evidence")
            #expect(String(decoding: second.body, as: UTF8.self).contains("evidence.read"))
            // A PLAN has none.
            let plan = try #require(manifest["plan"]?["id"]?.stringValue)
            #expect(try await api.get("/api/jobs/\(plan)/evidence").status == 409)
            #expect(try await api.get("/api/jobs/\(AuthorizationTests.id)/evidence").status == 404)
        }
    }

    /// One changed byte anywhere is found: in each part's header, content and padding, and at the end.
    @Test func everyByteCounts() async throws {
        try await TrellisHarness.run { harness, api async throws in
            let file = try await api.get("/api/jobs/\(deploy(api))/evidence").body
            let key = try await key(api)
            #expect(verify(file, key).problems.isEmpty)
            var places = Set(stride(from: 0, to: file.count, by: 97)).union([file.count - 1])
            var names: [String: Int] = [:]
            var offset = 0
            while let header = TarHeader(file[offset..<(offset + TarHeader.size)]) {
                let start = offset + TarHeader.size
                names[header.name] = start
                places.formUnion([offset, offset + 140, start, start + header.count / 2, start + header.count - 1])
                offset = start + header.count + header.padding
                if header.padding > 0 { places.insert(offset - 1) }
            }
            #expect(Set(names.keys) == ["log/000001.ndjson", "audit/000001.ndjson", "manifest.json", "manifest.sig"])
            for place in places.sorted() {
                var changed = file
                changed[place] ^= 1
                #expect(!verify(changed, key).problems.isEmpty, "byte \(place)")
            }
            // What is named is what was changed.
            for (name, word) in [
                ("log/000001.ndjson", "log/000001.ndjson"), ("audit/000001.ndjson", "audit/000001.ndjson"),
                ("manifest.json", "signature"), ("manifest.sig", "manifest"),
            ] {
                var changed = file
                let start = try #require(names[name])
                changed[start + 20] = changed[start + 20] == 0x41 ? 0x42 : 0x41
                let problems = verify(changed, key).problems
                #expect(problems.contains { $0.contains(word) }, "\(name): \(problems)")
            }
            for count in [0, 100, 512, file.count / 2, file.count - 512, file.count - 1] {
                #expect(!verify(file.prefix(count), key).problems.isEmpty, "cut at \(count)")
            }
            #expect(!verify(file + Data([0]), key).problems.isEmpty)
        }
    }

    @Test func anotherKeyIsNamed() async throws {
        try await TrellisHarness.run { harness, api async throws in
            let file = try await api.get("/api/jobs/\(deploy(api))/evidence").body
            let other = try EvidenceSigningKey(Vault(key: .init(size: .bits256))).publicKey
            let problems = verify(file, other).problems
            #expect(problems.count == 1 && problems[0].contains("another key") && problems[0].contains(other.id))
            #expect(EvidenceKey(pem: other.pem)?.id == other.id)
            for bad in ["", "x", other.pem.replacing("MCow", with: "MCox"), String(other.pem.dropLast(30))] {
                #expect(EvidenceKey(pem: bad) == nil)
            }
        }
    }

    /// A part ends when it is large enough, so that what is in memory does not depend on the log.
    @Test func aLongLogIsSeveralParts() async throws {
        var (written, largest) = (0, 0)
        var file = Data()
        var archive = EvidenceArchive { data in
            file.append(data)
            written += data.count
            largest = max(largest, data.count)
        }
        var lines = EvidenceArchive.Lines("log")
        var digests = EvidenceDigests()
        let text = String(repeating: "x", count: 60_000)
        let row = Array(#"{"epoch":1,"log_chunk":"\#(text)","stream_type":"STDOUT"}"#.utf8) + [UInt8(ascii: "\n")]
        for _ in 0..<200 {
            digests.add(text, epoch: 1, stream: "STDOUT")
            try await archive.add(row, to: &lines)
        }
        try await archive.finish(&lines)
        let key = try EvidenceSigningKey(Vault(key: .init(size: .bits256)))
        try await archive.close(["log": ["digests": digests.list]], key: key)
        #expect(written > 12_000_000 && largest < EvidenceArchive.partBytes + 61_000)
        #expect(verify(file, key.publicKey).problems.isEmpty)
    }
}
