import Foundation
import SystemCalls
import Testing

@Suite struct CommandTests {
    private let shell = Command(executable: "/bin/sh", environment: ["A": "b"])

    @Test func givesBothStreamsAndTheStatus() async throws {
        let result = try await shell.run(["-c", "echo out $A; echo err >&2; exit 3"])
        #expect(result.text == "out b\n")
        #expect(result.complaint == "err")
        #expect(result.status == 3)
    }

    @Test func cancellingEndsIt() async throws {
        let scratch = try Scratch()
        let task = Task { try await shell.run(["-c", "echo $$ > \(scratch.path)/pid; exec sleep 600"]) }
        while scratch.text(of: "pid")?.hasSuffix("\n") != true { await Task.yield() }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        let pid = scratch.text(of: "pid")?.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
        #expect(Files.kind(of: "/proc/\(pid)") == nil)
    }

    @Test func whatIsNotThereIsAnError() async {
        await #expect(throws: FileError.self) {
            try await Command(executable: "/nowhere/tool", environment: [:]).run([])
        }
    }
}

@Suite struct ChildProcessTests {
    @Test func itsOutputGoesToTheNamedFiles() throws {
        let scratch = try Scratch()
        let output = try OpenFile(scratch.path + "/out", .append)
        let child = try ChildProcess(
            "/bin/sh", ["-c", "echo $A; echo err >&2; exit 3"], environment: ["A": "b"],
            descriptors: [(output, 1), (output, 2)])
        #expect(child.wait() == .exited(code: 3))
        #expect(scratch.text(of: "out") == "b\nerr\n")
    }

    @Test func aReapedChildIsNotSignaled() throws {
        let child = try ChildProcess("/bin/sleep", ["1000"], environment: [:])
        #expect(child.send(.none))
        #expect(child.send(.terminate))
        #expect(child.wait() == .signaled(15))
        #expect(!child.send(.none))
        #expect(!child.killGroup())
    }

    @Test func aMissingExecutableIsAnError() {
        let error = #expect(throws: PosixError.self) { try ChildProcess("/nowhere/tool", [], environment: [:]) }
        #expect(error?.description == "exec /nowhere/tool: No such file or directory")
    }
}

@Suite struct PidFileTests {
    @Test(.timeLimit(.minutes(5))) func findsAndEndsWhatWasLeftBehind() async throws {
        let scratch = try Scratch()
        let file = PidFile(scratch.path + "/a.pid")
        #expect(file.runningProcess == nil)
        let child = try ChildProcess("/bin/sleep", ["1000"], environment: [:])
        try file.write(child.pid)
        #expect(file.runningProcess == child.pid)
        await file.terminateLeftover()
        #expect(child.wait() == .signaled(15))
        #expect(scratch.text(of: "a.pid") == nil)
    }

    @Test func anotherProcessWithTheNumberIsNotTouched() throws {
        let scratch = try Scratch()
        let child = try ChildProcess("/bin/sleep", ["1000"], environment: [:])
        defer {
            child.send(.kill)
            child.wait()
        }
        let startTime = try #require(ProcessIdentity.status(of: child.pid)?.startTime)
        _ = try scratch.write("\(child.pid) \(startTime - 1)\n", to: "a.pid")
        #expect(PidFile(scratch.path + "/a.pid").runningProcess == nil)
    }
}
