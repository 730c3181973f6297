import Domain
import Foundation
import SystemCalls
import Testing

@testable import Tendril

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What a job starts, keeps open and leaves behind; with real supervisors.
@Suite(.timeLimit(.minutes(5))) struct DescendantsTests {
    private let scratch: Scratch
    private let folder: JobFolder
    private let runner: PhaseRunner

    init() throws {
        scratch = try Scratch()
        folder = try scratch.job()
        let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let executable = URL(fileURLWithPath: tests).deletingLastPathComponent().appendingPathComponent("vintner").path
        try #require(Posix.exists(executable), "\(executable) is not built")
        runner = PhaseRunner(executable: executable)
    }

    private func run(_ text: String, environment: [String: String] = [:]) async throws -> PhaseEnd {
        try await runner.run(
            PhaseCommand(
                name: "apply", executable: "/bin/sh", arguments: ["-c", text], workingDirectory: scratch.path,
                environment: ["PATH": "/usr/bin:/bin"].merging(environment) { $1 }, stdoutFile: nil),
            in: folder)
    }

    private func output() throws -> String {
        String(decoding: try SmallFile.read(folder.capture(of: .stdout)) ?? [], as: UTF8.self)
    }

    private func pids() throws -> [Int32] { try output().split(separator: "\n").compactMap { Int32($0) } }

    private func isRunning(_ pid: Int32) -> Bool { ProcessIdentity.status(of: pid)?.isRunning ?? false }

    @Test func aDaemonInASessionOfItsOwnIsEndedAndNamed() async throws {
        // One that keeps its environment, and one that clears it and is a grandchild whose parent has gone.
        let end = try await run(
            """
            setsid sh -c 'echo $$; exec sleep 1234' &
            ( setsid env -i /bin/sh -c 'echo $$; trap "" TERM INT HUP; while :; do /bin/sleep 1; done' & )
            while [ "$(grep -c . \(folder.capture(of: .stdout)))" -lt 2 ]; do sleep 0.01; done
            """)
        #expect(end == .exited(code: 0))
        let started = try pids()
        #expect(started.count == 2)
        for pid in started { #expect(!isRunning(pid), "\(pid)") }
        let left = folder.phase("apply").leftBehind()
        #expect(Set(left.map(\.pid)).isSuperset(of: started))
        #expect(left.filter { !$0.isEnded }.isEmpty)
        let sentences = Leftover.sentences(left)
        #expect(sentences.count == 1 && sentences[0].contains("sleep (process "), "\(sentences)")
        #expect(sentences[0].hasPrefix("Ended"))
    }

    @Test func aProcessThatKeepsForkingIsCaught() async throws {
        let end = try await run(
            """
            cat > hop.sh <<'X'
            i=$1; [ $i -gt 0 ] || exit 0
            setsid sh hop.sh $((i-1)) &
            X
            setsid sh hop.sh 20000 & sleep 0.1
            """)
        #expect(end == .exited(code: 0))
        let names = Posix.names(in: "/proc").compactMap { Int32($0) }.filter { pid in
            let command = (try? SmallFile.read("/proc/\(pid)/cmdline")) ?? nil
            let folder = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/cwd")
            return folder == scratch.path && command.map { !$0.isEmpty } == true && isRunning(pid)
        }
        #expect(names.isEmpty, "\(names)")
    }

    @Test func anOrphansDaemonIsFoundByItsEnvironment() async throws {
        async let end = run(
            "setsid sh -c 'echo $$; exec sleep 1234' & echo $$; sleep 1234",
            environment: ["VINTNER_METADATA_FILE": folder.metadata])
        let found = try await eventually("two processes") { () -> [Int32]? in
            let seen = try pids()
            return seen.count == 2 ? seen : nil
        }
        let start = try #require(try folder.phase("apply").start())
        let engine = try #require(start.engine)
        Posix.send(.kill, to: start.supervisor.pid)
        Posix.send(.kill, toGroup: engine.pid)
        #expect(try await end == .unknown)
        for pid in found { #expect(!isRunning(pid), "\(pid)") }
        #expect(folder.phase("apply").leftBehind().contains { $0.name == "sleep" })
    }

    /// Whether this process may make a cgroup: root usually may, and a service with `Delegate=yes`.
    private static let hasCgroup: Bool = {
        guard let cgroup = EngineCgroup.make() else { return false }
        return cgroup.end().isEmpty
    }()

    /// It cleared its environment and has left the engine's group and session: only the cgroup knows it.
    @Test(.enabled(if: hasCgroup, "needs a cgroup")) func anOrphansDaemonIsFoundByItsCgroup() async throws {
        async let end = run("env -i setsid /bin/sh -c 'echo $$; exec /bin/sleep 1234' & echo $$; sleep 1234")
        let found = try await eventually("two processes") { () -> [Int32]? in
            let seen = try pids()
            return seen.count == 2 ? seen : nil
        }
        let start = try #require(try folder.phase("apply").start())
        let cgroup = try #require(start.cgroup)
        #expect(Posix.exists(cgroup))
        Posix.send(.kill, to: start.supervisor.pid)
        Posix.send(.kill, toGroup: try #require(start.engine).pid)
        #expect(try await end == .unknown)
        for pid in found { #expect(!isRunning(pid), "\(pid)") }
        #expect(folder.phase("apply").leftBehind().contains { $0.name == "sleep" && $0.isEnded })
        #expect(!Posix.exists(cgroup))
    }

    @Test(.enabled(if: hasCgroup, "needs a cgroup")) func aCgroupIsRemovedWithItsPhase() async throws {
        let end = try await run("sh -c 'setsid sleep 1234 & echo $!'; cat /proc/self/cgroup")
        #expect(end == .exited(code: 0))
        let cgroup = try #require(try folder.phase("apply").start()?.cgroup)
        #expect(try output().contains("0::") && output().contains("/vintner-"))
        #expect(!Posix.exists(cgroup))
        #expect(folder.phase("apply").leftBehind().contains { $0.isEnded })
    }

    @Test func anEngineThatCannotStartLeavesNoCgroup() async throws {
        var command = PhaseCommand(
            name: "apply", executable: "\(scratch.path)/none", arguments: [], workingDirectory: "/", environment: [:],
            stdoutFile: nil)
        command.user = nil
        #expect(try await runner.run(command, in: folder) == .exited(code: 127))
        #expect(try folder.phase("apply").start()?.cgroup == nil)
    }

    @Test func ownCgroupIsFoundInMounts() {
        let unified = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
        let hybrid =
            "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
            + "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
        let bound = "50 31 0:26 /pod/a /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n"
        for (mounts, cgroups, expected) in [
            (unified, "0::/system.slice/vintner.service\n", "/sys/fs/cgroup/system.slice/vintner.service"),
            (hybrid, "8:pids:/x\n0::/\n", "/sys/fs/cgroup/unified"), (unified, "8:pids:/x\n", nil),
            (bound, "0::/pod/a/b\n", "/sys/fs/cgroup/b"), (bound, "0::/pod/ab\n", nil),
            (unified, "0::/../other\n", nil), (unified, "0::/gone (deleted)\n", nil), ("", "0::/\n", nil),
        ] {
            #expect(EngineCgroup.folder(mounts: mounts, cgroups: cgroups) == expected, "\(cgroups)")
        }
    }

    @Test func onlyCgroupsOfOursAreTakenOver() throws {
        let folder = scratch.path + "/vintner-1-2"
        try Posix.makeFolder(folder)
        #expect(EngineCgroup(path: folder) == nil)
        _ = try scratch.write("", to: "vintner-1-2/cgroup.kill")
        #expect(EngineCgroup(path: folder) != nil)
        #expect(EngineCgroup(path: "/sys/fs/cgroup/system.slice") == nil)
    }

    @Test func theEngineGetsNothingOfOurs() async throws {
        let secret = try OpenFile("\(scratch.path)/secret", .replace)
        // Somebody forgot close-on-exec.
        #expect(fcntl(secret.number, F_SETFD, 0) == 0)
        setenv("TENDRIL_TOKEN", "vnw_never-shown", 1)
        defer { unsetenv("TENDRIL_TOKEN") }
        let end = try await run(
            """
            for fd in /proc/self/fd/*; do echo "fd ${fd##*/}"; done
            pwd; tr '\\0' '\\n' < /proc/self/environ; tr '\\0' '\\n' < /proc/$PPID/environ
            ls -l /proc/$PPID/fd
            """, environment: ["MINE": "1"])
        #expect(end == .exited(code: 0) || geteuid() != 0)
        let said = try output()
        let numbers = Set(said.split(separator: "\n").filter { $0.hasPrefix("fd ") }.map { String($0.dropFirst(3)) })
        // 3 is the shell's own, while it lists the folder.
        #expect(numbers.isSubset(of: ["0", "1", "2", "3"]), "\(numbers)")
        #expect(said.contains("\n\(scratch.path)\n") && said.contains("MINE=1"))
        #expect(!said.contains("vnw_never-shown") && !said.contains("/secret"))
        withExtendedLifetime(secret) {}
    }

    /// A Tendril raises its own limit on open files; engines keep the one that it was started with.
    @Test func theEngineKeepsTheLimitOnOpenFiles() async throws {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #expect(getrlimit(resource, &limit) == 0)
        let before = limit.rlim_cur
        setenv(Posix.openFilesVariable, "200", 1)
        defer { unsetenv(Posix.openFilesVariable) }
        #expect(try await run("ulimit -n") == .exited(code: 0))
        #expect(try output() == "200\n")
        #expect(getrlimit(resource, &limit) == 0 && limit.rlim_cur == before)
    }

    /// `--run-as`: only root can, so only root can test it.
    @Test(.enabled(if: geteuid() == 0, "needs root")) func theEngineRunsAsAnotherUser() async throws {
        let user = try EngineUser(named: "nobody")
        let secret = try scratch.write("of the Tendril", to: "secret.key")
        #expect(chmod(scratch.path, 0o711) == 0)
        var command = PhaseCommand(
            name: "apply", executable: "/bin/sh",
            arguments: [
                "-c",
                """
                id -u; id -g; id -G; cat \(secret); ls \(folder.path); echo forged >> \(folder.capture(of: .system))
                cat /proc/$PPID/environ; echo seen >> /dev/stderr; kill -0 $PPID || echo apart
                """,
            ], workingDirectory: "/", environment: ["PATH": "/usr/bin:/bin"], stdoutFile: nil)
        command.user = user
        _ = try await runner.run(command, in: folder)
        let lines = try output().split(separator: "\n").map(String.init)
        #expect(lines == ["\(user.uid)", "\(user.gid)", "\(user.gid)", "apart"], "\(lines)")
        #expect(try SmallFile.read(folder.capture(of: .system)) == [])
        let errors = String(decoding: try SmallFile.read(folder.capture(of: .stderr)) ?? [], as: UTF8.self)
        #expect(errors.contains("seen\n") && errors.contains("Permission denied"), "\(errors)")
    }

    @Test(.enabled(if: geteuid() == 0, "needs root")) func anEngineThatTheUserMayNotRunIsToldApart() async throws {
        var command = PhaseCommand(
            name: "apply", executable: try scratch.write("#!/bin/sh\n", to: "engine"), arguments: [],
            workingDirectory: "/", environment: [:], stdoutFile: nil)
        command.user = try EngineUser(named: "nobody")
        #expect(try await runner.run(command, in: folder) == .exited(code: 126))
        let errors = String(decoding: try SmallFile.read(folder.capture(of: .stderr)) ?? [], as: UTF8.self)
        #expect(errors.contains("as nobody: Permission denied"), "\(errors)")
    }

    @Test func onlyALesserUserIsTaken() {
        for name in ["root", "nobody-of-that-name"] {
            #expect(throws: TendrilStartError.self) { try EngineUser(named: name) }
        }
    }

    /// The names in `/proc` are the processes' own choice.
    @Test func aNameCannotMakeALineOfItsOwn() {
        let left = [
            Leftover(pid: 7, name: "x\nLock released", isEnded: true), Leftover(pid: 8, name: "", isEnded: false),
        ]
        #expect(
            Leftover.sentences(left) == [
                "Ended a process that the job left running: x?Lock?released (process 7)",
                "Could not end what the job left running: ? (process 8)",
            ])
        let many = (1...12).map { Leftover(pid: $0, name: "n", isEnded: true) }
        #expect(Leftover.sentences(many)[0].hasSuffix("n (process 10) and 2 more"))
    }
}
