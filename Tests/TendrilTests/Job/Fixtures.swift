import Domain
import Foundation
import Logging
import Synchronization
import SystemCalls
import Testing
import Wire

@testable import Tendril

/// A folder of its own for a test, gone when the test is.
final class Place: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "/vintner-\(UUID().uuidString)"
        try Files.makeFolder(path)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ text: String, to name: String) throws {
        let full = "\(path)/\(name)"
        try Files.makeFolder((full as NSString).deletingLastPathComponent)
        try Files.write(Data(text.utf8), to: full)
    }

    func text(of name: String) -> String? {
        (try? Files.read("\(path)/\(name)")).flatMap { $0 }.map { String(decoding: $0, as: UTF8.self) }
    }

    /// Every file and link below, sorted.
    var tree: [String] {
        let paths = FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []
        return paths.filter { Files.kind(of: "\(path)/\($0)") != .folder }.sorted()
    }
}

enum Fixtures {
    static let worker = SystemDependencies.system.makeID(Tendril.self)

    static func order(
        _ type: JobType = .plan, vine: VineID = SystemDependencies.system.makeID(),
        files: [String: String] = ["main.tf": ""],
        source: VineSource? = nil, variables: [String: JSONValue] = [:], secrets: VineSecrets = VineSecrets(),
        plan: PlanReference? = nil, environment: [String: String] = [:],
        requirement: EngineRequirement = EngineRequirement(), resolvedCommit: String? = nil,
        options: RunOptions? = nil, identity: CloudIdentityID? = nil
    ) -> ClaimResponse {
        let settings = VineSettings(
            projectName: "shop", environmentStage: "test", region: "eu-central-1", variables: variables,
            sensitiveVariables: secrets.variables.keys.sorted(), environment: environment,
            source: source ?? .inline(texts: files), identity: identity)
        return ClaimResponse(
            jobId: SystemDependencies.system.makeID(), epoch: 1, jobType: type, vineId: vine, vineTitle: "shop / test",
            snapshot: Snapshot(
                vine: vine, revision: 1, settings: settings, digest: "d", resolvedCommit: resolvedCommit),
            secrets: secrets, requirement: requirement, options: options, plan: plan,
            createdAt: Timestamp(milliseconds: 0))
    }

    static func state(serial: Int64, lineage: String = "l-1", outputs: String = "{}") -> Data {
        Data(#"{"version":4,"serial":\#(serial),"lineage":"\#(lineage)","outputs":\#(outputs),"resources":[]}"#.utf8)
    }

    /// A pause that is none, but lets others run.
    static let hurried = Sleeper { _ in try await Task.sleep(for: .milliseconds(1)) }

    static var logger: Logger {
        var logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        logger.logLevel = .critical
        return logger
    }

    /// An engine that does nothing, but knows its version.
    static func putEngine(in place: Place, version: String = "9.9.9") throws {
        let script = """
            #!/bin/sh
            echo '{"terraform_version":"\(version)","platform":"linux_amd64"}'
            """
        try Files.makeFolder(place.path + "/engines")
        try Files.write(Data(script.utf8), to: place.path + "/engines/terraform", mode: 0o755)
    }

    static func host(
        _ place: Place, _ trellis: FakeTrellis, _ services: FakeJobServices, engines: [String]? = nil,
        sleeper: Sleeper = hurried
    ) -> JobContext {
        var own = ProcessInfo.processInfo.environment
        own["TRELLIS_TOKEN"] = "never"
        let environment = EngineEnvironment(
            own: own, pluginCache: place.path + "/plugins", fileExists: { Files.fingerprint($0) != nil })
        return JobContext(
            trellis: trellis, services: services,
            engines: EngineFinder(folders: engines ?? [place.path + "/engines"], environment: environment.base),
            environment: environment, workDir: place.path + "/work", runRoot: place.path + "/run", worker: worker,
            name: "Tendril test", allowFileGit: true, lockPatience: .seconds(600), sleeper: sleeper, logger: logger)
    }
}

/// Holds somebody up until the test opens it, and tells the test when somebody has come.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var hasCome = false
        var waiting: [CheckedContinuation<Void, Never>] = []
        var watching: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    /// Returns once the gate is open.
    func pass() async {
        let watchers = state.withLock { state in
            state.hasCome = true
            defer { state.watching = [] }
            return state.watching
        }
        for watcher in watchers { watcher.resume() }
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    /// Returns once somebody stands at the gate, or has passed it.
    func someone() async {
        await withCheckedContinuation { continuation in
            let hasCome = state.withLock { state in
                if !state.hasCome { state.watching.append(continuation) }
                return state.hasCome
            }
            if hasCome { continuation.resume() }
        }
    }

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}
