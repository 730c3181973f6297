import Domain
import Foundation
import Synchronization
import SystemCalls
import Testing
import Wire

@testable import Tendril

/// Real supervisors around real scripts.
@Suite(.timeLimit(.minutes(5))) struct PhaseRunnerTests {
    private let scratch: Scratch
    private let folder: JobFolder
    private let runner: PhaseRunner

    init() throws {
        scratch = try Scratch()
        folder = try scratch.job()
        // The tests' process is not the executable; that stands beside it.
        let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let executable = URL(fileURLWithPath: tests).deletingLastPathComponent().appendingPathComponent("vintner").path
        try #require(Posix.exists(executable), "\(executable) is not built")
        runner = PhaseRunner(executable: executable)
    }

    private func script(_ text: String, name: String = "apply", environment: [String: String] = [:]) -> PhaseCommand {
        PhaseCommand(
            name: name, executable: "/bin/sh", arguments: ["-c", text], workingDirectory: scratch.path,
            environment: ["PATH": "/usr/bin:/bin"].merging(environment) { $1 }, stdoutFile: nil)
    }

    private func captured(_ stream: LogStream) throws -> String {
        String(decoding: try SmallFile.read(folder.capture(of: stream)) ?? [], as: UTF8.self)
    }

    private func records() throws -> [OrderRecord] {
        var parser = OrderParser()
        return parser.take(try SmallFile.read(folder.order) ?? [])
    }

    /// What the pipeline makes of the capture.
    private func lines() throws -> [Line] {
        var reader = CaptureReader(folder)
        var pipeline = LinePipeline(masker: Masker(patterns: []))
        while try reader.step(into: &pipeline) {}
        pipeline.finish()
        return pipeline.takeChunks().lines.map { Line(stream: $0.stream, text: $0.text, continued: $0.continued) }
    }

    private func started(_ phase: String = "apply") async throws -> (record: PhaseStart, engine: ProcessIdentity) {
        try await eventually("the engine") {
            guard let record = try folder.phase(phase).start(), let engine = record.engine else { return nil }
            return (record, engine)
        }
    }

    private func said(_ text: String) async throws {
        try await eventually(text) { try captured(.stdout).contains(text) }
    }

    /// A FIFO on which a script waits: `read x < NAME`.
    private func gate(_ name: String) throws -> String {
        try Posix.makeFIFO("\(scratch.path)/\(name)")
        return name
    }

    private func open(_ gate: String) async throws {
        let fifo: OpenFile = try await eventually(gate) { try? OpenFile("\(scratch.path)/\(gate)", .fifoWriter) }
        try fifo.append(Array("go\n".utf8))
    }

    // MARK: - Running

    @Test func capturesBothStreamsAndTheExitStatus() async throws {
        let end = try await runner.run(
            script(
                "echo out; echo err >&2; echo \"$SEEN\"; pwd; cat; echo \"[$TENDRIL_TOKEN]\"; exit 7",
                environment: ["SEEN": "grüße"]),
            in: folder)
        #expect(end == .exited(code: 7))
        #expect(try captured(.stdout) == "out\ngrüße\n\(scratch.path)\n[]\n")
        #expect(try captured(.stderr) == "err\n")
        let start = try #require(try folder.phase("apply").start())
        #expect(start.engine != nil && start.execAt != nil)
        let exit = try #require(try folder.phase("apply").end())
        #expect(exit.endedAt >= start.execAt ?? .max)
        let last = try records().reduce(into: [LogStream: Int64]()) { sizes, record in
            if case .output(let stream, let end) = record.kind { sizes[stream] = end }
        }
        #expect(last == [.stdout: Int64(try captured(.stdout).utf8.count), .stderr: 4])
    }

    @Test func phasesAppendToTheSameCaptureInOrder() async throws {
        let log = SystemLines(folder: folder, now: { Timestamp(milliseconds: 1) })
        for (name, text) in [("init", "echo i1; echo i2 >&2"), ("plan", "printf unfinished"), ("apply", "echo a")] {
            log.append("Running \(name)")
            #expect(try await runner.run(script(text, name: name), in: folder) == .exited(code: 0))
        }
        #expect(
            try lines().filter { $0.stream != .stderr } == [
                Line(stream: .system, text: "Running init"), Line(stream: .stdout, text: "i1"),
                Line(stream: .system, text: "Running plan"), Line(stream: .stdout, text: "unfinished"),
                Line(stream: .system, text: "Running apply"), Line(stream: .stdout, text: "a", continued: true),
            ])
        #expect(try lines().filter { $0.stream == .stderr }.map(\.text) == ["i2"])
    }

    @Test func streamsAreOrderedAsTheyWereSeen() async throws {
        let gates = try (0..<6).map { try gate("gate\($0)") }
        let text = (0..<6).map { "read x < gate\($0); echo line \($0) \($0 % 2 == 0 ? "" : ">&2")" }
        async let end = runner.run(script(text.joined(separator: "\n")), in: folder)
        for (index, gate) in gates.enumerated() {
            let before = try records().count
            try await open(gate)
            try await eventually("record \(index)") { try records().count > before }
        }
        #expect(try await end == .exited(code: 0))
        #expect(try lines().map(\.text) == (0..<6).map { "line \($0)" })
        #expect(try lines().map(\.stream) == (0..<6).map { $0 % 2 == 0 ? .stdout : .stderr })
    }

    @Test func anUnfinishedLineIsShownAfterASecond() async throws {
        let end = try gate("end")
        async let result = runner.run(script("printf 'Enter a value: '; read x < end; echo yes"), in: folder)
        try await eventually("the tick") { try records().contains { $0.kind == .idle } }
        let seen = try records().map(\.at)
        #expect(try #require(seen.last).milliseconds(since: try #require(seen.first)) >= 990)
        try await open(end)
        #expect(try await result == .exited(code: 0))
        #expect(try lines().map(\.text) == ["Enter a value: ", "yes"])
    }

    @Test func stdoutGoesWhereTheCommandSays() async throws {
        var command = script("echo '{}'; echo warn >&2", name: "show")
        command.stdoutFile = scratch.path + "/plan.json"
        #expect(try await runner.run(command, in: folder) == .exited(code: 0))
        #expect(try SmallFile.read(scratch.path + "/plan.json") == Array("{}\n".utf8))
        #expect(try captured(.stdout).isEmpty)
        #expect(try captured(.stderr) == "warn\n")
    }

    @Test func aSignalIsNoExit() async throws {
        #expect(try await runner.run(script("kill -TERM $$"), in: folder) == .signaled(15))
    }

    @Test(arguments: [("/nonexistent/terraform", 127), ("/etc/passwd", 126)])
    func reportsExecFailure(_ executable: String, code: Int) async throws {
        var command = script("")
        command.executable = executable
        #expect(try await runner.run(command, in: folder) == .exited(code: code))
        #expect(try captured(.stderr).hasPrefix("Can't run \(executable): "))
        #expect(try lines().count == 1)
    }

    @Test func aMissingWorkingFolderSaysSo() async throws {
        var command = script("")
        command.workingDirectory = "/proc/no-such-folder"
        #expect(try await runner.run(command, in: folder) == .exited(code: 127))
        #expect(try captured(.stderr).contains("chdir /proc/no-such-folder failed: No such file or directory"))
    }

    @Test func onlyWhatBelongsToItIsOpenInTheEngine() async throws {
        let leaked = try #require(FileHandle(forReadingAtPath: "/dev/null"))
        defer { try? leaked.close() }
        #expect(
            try await runner.run(script("ls /proc/self/fd; readlink /proc/self/fd/0"), in: folder) == .exited(code: 0))
        // 3 is the folder that `ls` reads.
        #expect(try captured(.stdout) == "0\n1\n2\n3\n/dev/null\n")
    }

    @Test func capturesFastOutput() async throws {
        let end = try await runner.run(script("seq 1 50000; seq 1 1000 >&2"), in: folder)
        #expect(end == .exited(code: 0))
        #expect(try lines().filter { $0.stream == .stdout }.map(\.text) == (1...50_000).map(String.init))
        // Bursts are one record: at most one a millisecond and stream, not one a line.
        #expect(try records().count < 20_000)
    }

    @Test func reportsSupervisorFailure() async throws {
        try Posix.remove(folder.order)
        try Posix.makeFolder(folder.order)
        await #expect(throws: PhaseError.self) { try await runner.run(script("echo never"), in: folder) }
        #expect(try captured(.stdout).isEmpty)
    }

    // MARK: - Stopping

    @Test func interruptReachesOnlyTheEngine() async throws {
        // The child would end, and say so, if it got the signal too.
        let child = "trap 'echo child hit' INT; while :; do sleep 0.02; done"
        let text =
            "sh -c \"\(child)\" & c=$!; trap 'echo hit; kill -9 $c; exit 3' INT; echo ready; while :; do sleep 0.02; done"
        async let end = runner.run(script(text), in: folder)
        try await said("ready")
        #expect(await runner.send(.interrupt, phase: "apply", in: folder))
        #expect(try await end == .exited(code: 3))
        #expect(try captured(.stdout) == "ready\nhit\n")
    }

    @Test func killReachesTheWholeGroup() async throws {
        let text = "trap '' INT; sh -c 'trap \"\" INT; echo $$; while :; do sleep 0.02; done' & echo ready; wait"
        async let end = runner.run(script(text), in: folder)
        try await said("ready")
        try await eventually("the child") { try captured(.stdout).split(separator: "\n").count == 2 }
        #expect(await runner.send(.interrupt, phase: "apply", in: folder))
        #expect(await runner.send(.kill, phase: "apply", in: folder))
        #expect(try await end == .signaled(9))
        let child = try #require(try captured(.stdout).split(separator: "\n").compactMap { Int32($0) }.first)
        #expect(ProcessIdentity(pid: child)?.isAlive != true)
    }

    @Test func killsLeftoversAndKeepsOutput() async throws {
        let text = "(trap '' HUP INT; while :; do echo noise; sleep 0.001; done) & echo $! > pid; echo main; exit 0"
        #expect(try await runner.run(script(text), in: folder) == .exited(code: 0))
        let pid = try #require(
            Int32(String(decoding: try SmallFile.read(scratch.path + "/pid") ?? [], as: UTF8.self).dropLast()))
        #expect(ProcessIdentity(pid: pid)?.isAlive != true)
        let recorded = try records().compactMap { record -> Int64? in
            if case .output(.stdout, let end) = record.kind { end } else { nil }
        }.max()
        #expect(recorded == Int64(try captured(.stdout).utf8.count))
    }

    @Test func stopAfterEndHasNoEffect() async throws {
        #expect(try await runner.run(script("exit 0"), in: folder) == .exited(code: 0))
        #expect(await !runner.send(.kill, phase: "apply", in: folder))
    }

    @Test func stopEscalates() async throws {
        let stop = StopRequest()
        let notes = Mutex<[String]>([])
        let text = "trap 'n=$((n+1)); echo hit $n' INT; echo ready; while :; do sleep 0.02; done"
        async let end = runner.run(
            script(text), in: folder, stop: stop,
            timing: .init(secondInterrupt: .milliseconds(700), kill: .seconds(2)), engine: "OpenTofu"
        ) { note in notes.withLock { $0.append(note) } }
        try await said("ready")
        stop.request()
        stop.request()
        #expect(try await end == .signaled(9))
        #expect(try captured(.stdout) == "ready\nhit 1\nhit 2\n")
        let said = notes.withLock { $0 }
        #expect(said.count == 4)
        #expect(said.first?.hasPrefix("Sent SIGINT to OpenTofu; it finishes in-flight changes.") == true)
        #expect(said.last?.hasPrefix("OpenTofu has stopped, ") == true)
    }

    @Test func forceKillsAtOnceAndSendsNoSecondInterrupt() async throws {
        let stop = StopRequest()
        let notes = Mutex<[String]>([])
        async let end = runner.run(
            script("trap 'echo hit' INT; echo ready; while :; do sleep 0.02; done"), in: folder, stop: stop
        ) { note in notes.withLock { $0.append(note) } }
        try await said("ready")
        stop.request()
        try await said("hit")
        stop.force()
        stop.force()
        #expect(try await end == .signaled(9))
        #expect(try captured(.stdout) == "ready\nhit\n")
        let said = notes.withLock { $0 }
        #expect(said.count == 3 && said[1] == "Killed Terraform and its children on request (SIGKILL).", "\(said)")
    }

    @Test func aTendrilThatComesBackSendsNoSecondInterrupt() async throws {
        let go = try gate("go")
        let text = "trap 'echo hit' INT; echo ready; while ! read x < go; do :; done; echo end"
        let first = StopRequest()
        let notes = Mutex<[String]>([])
        let note: @Sendable (String) -> Void = { text in notes.withLock { $0.append(text) } }
        let before = Task { try await runner.run(script(text), in: folder, stop: first, note: note) }
        try await said("ready")
        first.request()
        try await said("hit")
        before.cancel()
        await #expect(throws: CancellationError.self) { try await before.value }
        let again = StopRequest()
        again.request()
        async let end = runner.run(script(text), in: folder, stop: again, note: note)
        // The engine lives, and hears nothing more until it may go.
        try await open(go)
        #expect(try await end == .exited(code: 0))
        #expect(try captured(.stdout) == "ready\nhit\nend\n")
        #expect(notes.withLock { $0 }.count == 2)
    }

    @Test func aRequestBeforeTheStartPreventsIt() async throws {
        let stop = StopRequest()
        stop.request()
        await #expect(throws: PhaseError.self) {
            try await runner.run(script("echo never"), in: folder, stop: stop) { _ in }
        }
        #expect(!folder.phase("apply").hasBegun)
    }

    // MARK: - After a restart

    @Test func restartedTendrilAwaitsEngine() async throws {
        let go = try gate("go")
        let command = script("echo ready; read x < go; echo end; exit 5")
        let before = Task { try await runner.run(command, in: folder) }
        try await said("ready")
        before.cancel()
        await #expect(throws: CancellationError.self) { try await before.value }
        async let end = runner.run(command, in: folder)
        try await open(go)
        #expect(try await end == .exited(code: 5))
        #expect(try captured(.stdout) == "ready\nend\n")
        // And once more, when it is over.
        #expect(try await runner.run(command, in: folder) == .exited(code: 5))
        #expect(try captured(.stdout) == "ready\nend\n")
    }

    @Test func aKilledSupervisorLeavesAnEngineThatIsFollowedToItsEnd() async throws {
        let gates = try [gate("one"), gate("two")]
        let command = script("echo ready; read x < one; echo more; read x < two; echo end; exit 0")
        async let end = runner.run(command, in: folder)
        let (record, engine) = try await started()
        try await said("ready")
        Posix.send(.kill, to: record.supervisor.pid)
        try await eventually("its end") { !record.supervisor.isAlive }
        #expect(engine.isAlive)
        try await open(gates[0])
        try await eventually("a record") { try lines().contains { $0.text == "more" } }
        try await open(gates[1])
        #expect(try await end == .unknown)
        #expect(!engine.isAlive)
        #expect(try lines().map(\.text) == ["ready", "more", "end"])
        // It is never run again.
        #expect(try await runner.run(command, in: folder) == .unknown)
        #expect(try lines().map(\.text) == ["ready", "more", "end"])
    }

    @Test func anEngineWithoutSupervisorCanBeStopped() async throws {
        let command = script("trap 'echo hit' INT; sleep 60 & echo ready; while :; do wait; done")
        async let end = runner.run(command, in: folder)
        let (record, engine) = try await started()
        try await said("ready")
        Posix.send(.kill, to: record.supervisor.pid)
        try await eventually("its end") { !record.supervisor.isAlive }
        #expect(await runner.send(.interrupt, phase: "apply", in: folder))
        try await said("hit")
        #expect(await runner.send(.kill, phase: "apply", in: folder))
        #expect(try await end == .unknown)
        #expect(!engine.isAlive && !ProcessGroup.isAlive(engine.pid))
        #expect(await !runner.send(.kill, phase: "apply", in: folder))
    }

    @Test func bothKilledIsUnknownAndWhatWasCapturedIsShipped() async throws {
        async let end = runner.run(script("echo ready; printf half; while :; do sleep 1; done"), in: folder)
        let (record, engine) = try await started()
        try await said("half")
        Posix.send(.kill, to: record.supervisor.pid)
        Posix.send(.kill, toGroup: engine.pid)
        #expect(try await end == .unknown)
        let sink = FakeSink()
        let closing = await JobLog(folder: folder, epoch: 3, secrets: [], sink: sink).finish()
        #expect(closing.incomplete == nil)
        #expect(sink.text(of: .stdout) == "ready\nhalf")
    }

    /// The number in the record is another process's by now: after a reboot, say.
    @Test func neverSignalsReusedPID() async throws {
        let stranger = try ChildProcess("/bin/sleep", ["1000"], environment: [:])
        defer {
            stranger.send(.kill)
            stranger.wait()
        }
        let phase = folder.phase("apply")
        try phase.create()
        for field in 0..<2 {
            var identity = try #require(ProcessIdentity(pid: stranger.pid))
            if field == 0 { identity.startTime -= 1 } else { identity.bootID = "another" }
            try PhaseFolder.write(
                PhaseStart(supervisor: identity, engine: identity), to: phase.started, durably: false)
            #expect(await !runner.send(.interrupt, phase: "apply", in: folder))
            #expect(await !runner.send(.kill, phase: "apply", in: folder))
            #expect(try await runner.run(script("echo never"), in: folder) == .unknown)
        }
        #expect(ProcessIdentity(pid: stranger.pid)?.isAlive == true)
        #expect(try captured(.stdout).isEmpty)
    }

    @Test func theSupervisorIgnoresStopSignals() async throws {
        let go = try gate("go")
        async let end = runner.run(script("echo ready; read x < go; exit 4"), in: folder)
        let (record, _) = try await started()
        try await said("ready")
        for signal in ["INT", "TERM", "HUP", "PIPE"] {
            let kill = try ChildProcess(
                "/bin/sh", ["-c", "kill -\(signal) \(record.supervisor.pid)"], environment: [:])
            #expect(kill.wait() == .exited(code: 0))
        }
        try await open(go)
        #expect(try await end == .exited(code: 4))
    }
}
