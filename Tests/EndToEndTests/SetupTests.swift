import Domain
import Foundation
import NIOHTTP1
import Testing
import Wire

/// How `vintner up` is set up: whose rights engines have, how it stops, and which Tendrils it has.
extension EndToEndTests {
    private func tendrils(_ vintner: RunningVintner) async throws -> [WorkerResponse] {
        try await vintner.get("/api/workers", as: ListResponse<WorkerResponse>.self).items
    }

    @Test(.enabled(if: geteuid() == 0, "needs root")) func enginesRunAsTheUserThatWasChosen() async throws {
        try await RunningVintner.with(arguments: ["--run-as", "nobody"]) { vintner in
            defer { try? FileManager.default.removeItem(atPath: vintner.data + "-vines") }
            let vine = try await vintner.makeVine(
                """
                resource "terraform_data" "x" {
                  provisioner "local-exec" {
                    command = "echo I am $(id -un); touch beside.txt; cat \(vintner.data)/secret.key || echo kept out"
                  }
                }
                output "pi" { value = 3 }
                """)
            let plan = try await vintner.finished(vintner.plan(vine).id)
            #expect(plan.status == .success && plan.logState == "COMPLETE", "\(plan)")
            let deploy: JobResponse = try await vintner.post("/api/jobs/\(plan.id)/apply")
            let applied = try await vintner.finished(deploy.id)
            #expect(applied.status == .success && applied.logState == "COMPLETE", "\(applied)")
            #expect(applied.outcome?.lockReleased == true && applied.outcome?.serialAfter != nil)
            let log = try await vintner.log(deploy.id)
            #expect(log.contains("I am nobody") && log.contains("Permission denied") && log.contains("kept out"))
            // What the engine left belongs to that user, and the next job of the vine runs all the same.
            let again = try await vintner.finished(vintner.plan(vine).id)
            #expect(again.status == .success && again.changes?.isEmpty == true, "\(again)")
        }
    }

    @Test func aDrainingVintnerFinishesItsJobAndTakesNothingNew() async throws {
        let release = FileManager.default.temporaryDirectory.path + "/release-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: release) }
        try await RunningVintner.with(arguments: ["--drain", "120"]) { first in
            let vine = try await first.makeVine(
                """
                resource "terraform_data" "slow" {
                  provisioner "local-exec" { command = "echo begun; until [ -e \(release) ]; do sleep 0.1; done" }
                }
                """)
            let plan = try await first.finished(first.plan(vine).id)
            let other = try await first.makeVine("output \"x\" { value = 1 }", name: "other")
            let deploy: JobResponse = try await first.post("/api/jobs/\(plan.id)/apply")
            try await first.line("[0mbegun", of: deploy.id)
            async let status = first.stop()
            while try await tendrils(first).first?.draining != true { await Task.yield() }
            let queued = try await first.plan(other)
            #expect(queued.status == .queued)
            #expect(try await first.job(deploy.id).status == .processing)
            #expect(FileManager.default.createFile(atPath: release, contents: nil))
            #expect(await status == 0)

            let second = try await RunningVintner.start(data: first.data)
            do {
                let applied = try await second.job(deploy.id)
                #expect(applied.status == .success && applied.logState == "COMPLETE", "\(applied)")
                let planned = try await second.finished(queued.id)
                #expect(planned.status == .success, "\(planned)")
            } catch {
                await second.stop()
                throw error
            }
            await second.stop()
        }
    }

    @Test func aRevokedTendrilStaysStoppedAndIsRegisteredAgainAtTheNextStart() async throws {
        let log = FileManager.default.temporaryDirectory.path + "/log-\(UUID().uuidString)"
        #expect(FileManager.default.createFile(atPath: log, contents: nil))
        defer { try? FileManager.default.removeItem(atPath: log) }
        let first = try await RunningVintner.start(errors: log)
        defer { try? FileManager.default.removeItem(atPath: first.data) }
        func said() throws -> String { try String(contentsOfFile: log, encoding: .utf8) }
        do {
            let old = try #require(try await tendrils(first).first)
            #expect(try await first.call(.DELETE, "/api/workers/\(old.id)").status == 204)
            while try !said().contains("tendril-1 was revoked and stays stopped. Restart") {
                _ = try await tendrils(first)
            }
            #expect(try await tendrils(first).isEmpty)
            #expect(await first.stop() == 0)
            let second = try await RunningVintner.start(data: first.data, errors: log)
            do {
                #expect(try said().contains("registering it again"))
                let new = try #require(try await tendrils(second).first)
                #expect(new.id != old.id && new.name == "tendril-1")
                let vine = try await second.makeVine("output \"x\" { value = 1 }")
                #expect(try await second.finished(second.plan(vine).id).status == .success)
            } catch {
                await second.stop()
                throw error
            }
            await second.stop()
        } catch {
            await first.stop()
            throw error
        }
    }
}
