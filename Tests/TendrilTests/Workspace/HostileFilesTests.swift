import Domain
import Foundation
import SystemCalls
import Testing
import Wire

@testable import Tendril

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What a job may put in the place of a file that the Tendril opens.
enum Impostor: String, CaseIterable, Sendable {
    case fifo, socket, device, link, danglingLink, folder

    func put(at path: String) throws {
        try Files.remove(path)
        switch self {
        case .fifo: #expect(mkfifo(path, 0o600) == 0)
        case .socket: #expect(mknod(path, S_IFSOCK | 0o600, 0) == 0)
        case .device: #expect(mknod(path, S_IFCHR | 0o600, 0x501) == 0 || errno == EPERM)
        case .link: #expect(symlink("/etc/passwd", path) == 0)
        case .danglingLink: #expect(symlink("/nowhere", path) == 0)
        case .folder: #expect(mkdir(path, 0o700) == 0)
        }
        if Files.kind(of: path) == nil { #expect(symlink("/dev/zero", path) == 0) }
    }
}

@Suite(.timeLimit(.minutes(5))) struct HostileFilesTests {
    let place: Place
    let trellis = FakeTrellis()

    init() throws {
        place = try Place()
        try Fixtures.putEngine(in: place)
    }

    // MARK: - The one way in which files are opened

    @Test(arguments: Impostor.allCases) func nothingButARegularFileIsOpened(_ impostor: Impostor) throws {
        let path = place.path + "/file"
        try impostor.put(at: path)
        let error = #expect(throws: PosixError.self) { try OpenFile(path, .read) }
        #expect(error?.isNotRegular == true, "\(String(describing: error))")
        #expect(throws: PosixError.self) { try OpenFile(path, .readWrite) }
        #expect(throws: PosixError.self) { try OpenFile(path, .append) }
        #expect(throws: PosixError.self) { try SmallFile.read(path) }
        let problem = #expect(throws: FileError.self) { try Files.read(path) }
        #expect(problem?.reason.hasSuffix("not a regular file") == true, "\(String(describing: problem))")
        #expect(throws: FileError.self) { try Files.map(path) }
        #expect(throws: FileError.self) { try FileLock.take(path) }
        #expect(throws: FileError.self) { try Artifact.digest(of: path) }
    }

    @Test(arguments: Impostor.allCases.filter { $0 != .folder }) func whatIsReplacedIsReplaced(
        _ impostor: Impostor
    ) throws {
        let path = place.path + "/file"
        try impostor.put(at: path)
        let before = try Data(contentsOf: URL(fileURLWithPath: "/etc/passwd"))
        try OpenFile(path, .replace).append(Array("mine".utf8))
        #expect(try Files.read(path) == Data("mine".utf8))
        #expect(try Data(contentsOf: URL(fileURLWithPath: "/etc/passwd")) == before)
    }

    @Test func aHugeFileIsNotRead() throws {
        let path = place.path + "/huge"
        let file = try OpenFile(path, .replace)
        #expect(ftruncate(file.number, 1 << 41) == 0)
        #expect(throws: FileError.self) { try Files.read(path) }
        #expect(throws: FileError.self) { try Files.map(path) }
        #expect(throws: PosixError.self) { try SmallFile.read(path) }
        #expect(ftruncate(file.number, 512 << 20) == 0)
        #expect(try Files.map(path).count == 512 << 20)
        #expect(throws: FileError.self) { try Files.read(path, limit: (512 << 20) - 1) }
    }

    // MARK: - A whole job

    private func run(_ order: ClaimResponse, _ engine: ScriptedEngine) async throws -> FakeJobServices {
        await trellis.grant(order)
        let services = FakeJobServices(engine: engine.run)
        await (try JobRunner(order, host: Fixtures.host(place, trellis, services))).run()
        return services
    }

    @Test(arguments: Impostor.allCases) func aStateThatIsNoFileEndsTheJobWithASentence(_ impostor: Impostor)
        async throws
    {
        let order = Fixtures.order(.destroy)
        let services = try await run(
            order,
            ScriptedEngine(hook: { command in
                guard command.name == "apply" else { return nil }
                try impostor.put(at: command.workingDirectory + "/terraform.tfstate")
                return .exited(code: 0)
            }))
        let report = try #require(await trellis.lastReport)
        #expect(report.status == .failed && report.engineState == .gone)
        #expect(report.errorMessage?.contains("Couldn't store") == true, "\(report.errorMessage ?? "")")
        #expect(services.notes.contains { $0.contains("not a regular file") }, "\(services.notes)")
        #expect(report.outcome?.lockReleased == false)
    }

    @Test(arguments: Impostor.allCases) func aRescuedStateThatIsNoFileIsPassedOver(_ impostor: Impostor) async throws {
        let order = Fixtures.order(.destroy)
        _ = try await run(
            order,
            ScriptedEngine(hook: { command in
                guard command.name == "apply" else { return nil }
                try impostor.put(at: command.workingDirectory + "/errored.tfstate")
                return nil
            }))
        #expect(await trellis.lastReport?.status == .success)
        #expect(await trellis.stored.count == 1)
    }

    @Test(arguments: Impostor.allCases) func otherFilesOfTheJobDoNotHoldItUp(_ impostor: Impostor) async throws {
        // The plan as JSON, the metadata, the backend's settings.
        for name in ["show", "metadata", "backend"] {
            let order = Fixtures.order()
            let job = "\(place.path)/work/jobs/\(order.jobId)"
            _ = try await run(
                order,
                ScriptedEngine(hook: { command in
                    switch (name, command.name) {
                    case ("show", "show"):
                        try impostor.put(at: command.stdoutFile ?? "/nowhere")
                        return .exited(code: 0)
                    case ("metadata", "plan"): try impostor.put(at: "\(job)/metadata.json")
                    case ("backend", "init"):
                        try Files.makeFolder(command.workingDirectory + "/.terraform")
                        try impostor.put(at: command.workingDirectory + "/.terraform/terraform.tfstate")
                    default: break
                    }
                    return nil
                }))
            let report = try #require(await trellis.lastReport)
            #expect(report.status == (name == "metadata" ? .success : .failed), "\(name): \(report.errorMessage ?? "")")
            #expect(Files.kind(of: job) == nil)
            #expect(Files.kind(of: "\(place.path)/run/\(order.vineId)/main.tf") == nil)
        }
    }

    // MARK: - Removing what is left

    /// `setfsuid(2)`, which the headers don't show here: whose rights this thread has on files.
    @discardableResult
    private func setFileUser(_ user: UInt32) -> Int32 {
        typealias Function = @convention(c) (UInt32) -> Int32
        return dlsym(nil, "setfsuid").map { unsafeBitCast($0, to: Function.self)(user) } ?? -1
    }

    /// As a user who is not root: root may remove everything anyway. Only this thread's rights change.
    private func asNobody<Result>(_ body: () throws -> Result) throws -> Result {
        let isRoot = geteuid() == 0
        if isRoot { setFileUser(65534) }
        defer { if isRoot { setFileUser(0) } }
        return try body()
    }

    @Test func readOnlyFoldersAreRemoved() throws {
        let root = place.path + "/nobodys"
        #expect(chmod(place.path, 0o777) == 0)
        try asNobody {
            let deep = root + "/cache/pkg/mod/example.org"
            try FileManager.default.createDirectory(atPath: deep, withIntermediateDirectories: true)
            for name in ["a.go", "b.go"] { #expect(creat(deep + "/" + name, 0o444) >= 0) }
            #expect(mkfifo(deep + "/fifo", 0) == 0)
            #expect(symlink(place.path, deep + "/link") == 0)
            // Not readable, not writable, not searchable.
            for (path, mode) in [
                (deep, 0o555), (root + "/cache/pkg/mod", 0o500), (root + "/cache/pkg", 0o000), (root + "/cache", 0o111),
                (root, 0o555),
            ] { #expect(chmod(path, mode_t(mode)) == 0) }
            #expect(throws: (any Error).self) { try FileManager.default.removeItem(atPath: root) }
            try Files.remove(root)
        }
        #expect(Files.kind(of: root) == nil)
        #expect(Files.kind(of: place.path) == .folder)
    }

    /// What a provisioner left read-only does not stop the vine's next job.
    @Test func aVinesFolderIsEmptiedWhateverAJobLeft() throws {
        #expect(chmod(place.path, 0o777) == 0)
        try asNobody {
            let workspace = Workspace(runRoot: place.path + "/runs", vine: SystemDependencies.system.makeID())
            try workspace.empty()
            let left = workspace.folder + "/gopath/pkg/mod"
            try FileManager.default.createDirectory(atPath: left, withIntermediateDirectories: true)
            #expect(creat(left + "/f", 0o444) >= 0)
            for path in [left, workspace.folder + "/gopath"] { #expect(chmod(path, 0o555) == 0) }
            #expect(try workspace.empty() == nil, "removed, not moved aside")
            #expect(Posix.names(in: workspace.folder).isEmpty)
            try Files.remove(workspace.folder)
        }
    }

    @Test func veryDeepFoldersAndNamesThatAreNoTextAreRemoved() throws {
        let root = place.path + "/deep"
        try Files.makeFolder(root)
        let script = """
            i=0; while [ $i -lt 1500 ]; do mkdir dddddddd && cd dddddddd; i=$((i+1)); done; touch end
            cd "$0" && touch "$(printf 'bad\\377name')" && mkdir "$(printf '\\200')"
            """
        let child = try ChildProcess(
            "/bin/sh", ["-c", "cd '\(root)'; " + script, root], environment: ["PATH": "/usr/bin:/bin"])
        #expect(child.wait() == .exited(code: 0))
        try Files.remove(root)
        #expect(Files.kind(of: root) == nil)
    }

    @Test func whatBelongsToSomebodyElseIsMovedAway() throws {
        guard geteuid() == 0 else { return }
        let workspace = Workspace(runRoot: place.path + "/run", vine: SystemDependencies.system.makeID())
        #expect(chmod(place.path, 0o777) == 0)
        try Files.makeFolder(workspace.runRoot)
        #expect(chown(workspace.runRoot, 65534, 65534) == 0)
        let moved = try asNobody {
            try workspace.empty()
            #expect(setFileUser(0) == 65534)
            // Root's, as a container would leave it.
            try Files.makeFolder(workspace.folder + "/out")
            try Files.write(Data("x".utf8), to: workspace.folder + "/out/file")
            #expect(setFileUser(65534) == 0)
            return try workspace.empty()
        }
        let place = try #require(moved)
        #expect(place.hasPrefix(workspace.runRoot + "/.leftovers/\(workspace.vine)-"))
        #expect(Files.kind(of: place + "/out/file") == .file)
        #expect(try FileManager.default.contentsOfDirectory(atPath: workspace.folder).isEmpty)
        #expect(try workspace.empty() == nil)
    }
}
