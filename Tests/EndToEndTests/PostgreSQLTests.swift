import Domain
import Foundation
import NIOHTTP1
import PostgresCluster
import Testing
import Wire

/// Trellis on PostgreSQL, with a Tendril and the real engine.
extension EndToEndTests {
    private static let rows = 40

    /// An apply whose server is killed in the middle, and started again on the same database.
    @Test func aJobOutlivesItsServerOnPostgreSQL() async throws {
        let database = try PostgresCluster.shared.get().createSchemaURL()
        let data = FileManager.default.temporaryDirectory.path + "/vintner-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: data) }
        let first = try await RunningVintner.startTrellis(data: data, database: database)
        let tendril = try await first.startTendril()
        do {
            let second = try await survive(first, database: database)
            try await moveToSQLite(second, from: database)
        } catch {
            await end(tendril)
            throw error
        }
        await end(tendril)
    }

    /// Returns the second server.
    private func survive(_ first: RunningVintner, database: String) async throws -> RunningVintner {
        let release = first.data + "/release"
        let command = """
            for i in $(seq 1 \(Self.rows)); do echo row-$((i + 1000)); done; until [ -e \(release) ]; do sleep 0.1; done; \
            for i in $(seq 1 \(Self.rows)); do echo row-$((i + 2000)); done
            """
        let vine = try await first.makeVine(
            """
            resource "terraform_data" "rows" {
              provisioner "local-exec" { command = "\(command)" }
            }
            """)
        let plan = try await first.finished(first.plan(vine).id)
        #expect(plan.status == .success && plan.logState == "COMPLETE", "\(plan)")
        #expect(plan.changes == PlannedChanges(add: 1))
        let deploy: JobResponse = try await first.post("/api/jobs/\(plan.id)/apply")
        try await first.line("row-\(1000 + Self.rows)", of: deploy.id)
        await first.kill()
        #expect(FileManager.default.createFile(atPath: release, contents: nil))
        let second = try await RunningVintner.startTrellis(data: first.data, database: database, port: first.port)
        let applied = try await second.finished(deploy.id)
        #expect(applied.status == .success && applied.logState == "COMPLETE", "\(applied)")
        #expect(applied.outcome?.lockReleased == true)
        try await expectAllRows(of: deploy.id, in: second)
        let state = try await second.call(.GET, "/api/vines/\(vine.id)/state")
        #expect(String(decoding: state.data, as: UTF8.self).contains(#""name": "rows""#))
        return second
    }

    /// Moves everything to SQLite with the command, and reads it there.
    private func moveToSQLite(_ second: RunningVintner, from database: String) async throws {
        let jobs = try await second.get("/api/jobs", as: ListResponse<JobListItem>.self).items.map(\.job.id)
        #expect(jobs.count == 2)
        // A database in use is not copied.
        let target = "sqlite:\(second.data)/moved.sqlite"
        let refused = try await Repository.vintner(["migrate", "--from", database, "--to", target])
        #expect(
            refused.status != 0 && refused.output.contains("Another Trellis uses this database"), "\(refused.output)")
        await second.stop()
        let moved = try await Repository.vintner(["migrate", "--from", database, "--to", target])
        #expect(moved.status == 0 && moved.output.contains("have the same digests"), "\(moved.output)")
        let third = try await RunningVintner.startTrellis(data: second.data, database: target, port: second.port)
        for job in jobs { #expect(try await third.job(job).logState == "COMPLETE") }
        try await expectAllRows(of: try #require(jobs.first), in: third)
        await third.stop()
    }

    private func expectAllRows(of job: JobID, in vintner: RunningVintner) async throws {
        let log = try await vintner.log(job)
        for base in [1000, 2000] {
            for row in 1...Self.rows {
                let line = "row-\(base + row)"
                #expect(log.components(separatedBy: line + "\n").count == 2, "\(line) is not there once")
            }
        }
    }

    private func end(_ process: Process) async {
        let (ended, end) = AsyncStream<Void>.makeStream()
        process.terminationHandler = { _ in end.finish() }
        if process.isRunning { process.terminate() } else { end.finish() }
        for await _ in ended {}
    }
}
