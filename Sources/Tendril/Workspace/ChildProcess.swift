#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A child in a session of its own.
///
/// Not Foundation's `Process`: that one hands on whatever signals the calling thread blocks, and a worker thread of
/// Dispatch blocks nearly all (seen: such a child can't be terminated).
struct ChildProcess: Sendable {
    let pid: pid_t

    /// `POSIX_SPAWN_SETSID`: the header shows it to GNU sources only.
    private static let ownSession: Int32 = 0x80

    init(
        _ executable: String, _ arguments: [String], environment: [String: String], stdout: Int32, stderr: Int32
    ) throws(FileError) {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, stdout, 1)
        posix_spawn_file_actions_adddup2(&actions, stderr, 2)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        posix_spawnattr_setflags(
            &attributes, Int16(Int32(POSIX_SPAWN_SETSIGDEF) | Int32(POSIX_SPAWN_SETSIGMASK) | Self.ownSession))

        var started: pid_t = 0
        let code = Self.withCStrings([executable] + arguments) { argv in
            Self.withCStrings(environment.map { "\($0.key)=\($0.value)" }) { envp in
                posix_spawn(&started, executable, &actions, &attributes, argv, envp)
            }
        }
        guard code == 0 else {
            throw FileError(path: executable, reason: "it can't be run (\(String(cString: strerror(code))))")
        }
        pid = started
    }

    /// Blocks until it has ended, and leaves it unreaped.
    func awaitEnd() {
        var info = siginfo_t()
        while waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) != 0, errno == EINTR {}
    }

    /// Blocks until it has ended, and reaps it; 128 and the signal's number where a signal ended it.
    func wait() -> Int {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) != pid {
            guard errno == EINTR else { return 255 }
        }
        let signal = status & 0x7f
        return Int(signal == 0 ? (status >> 8) & 0xff : 128 + signal)
    }

    /// SIGKILL to it and all that it started. Only before it is reaped.
    func killGroup() { kill(-pid, SIGKILL) }

    private static func withCStrings<Result>(
        _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        let copies = strings.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return body(copies + [nil])
    }
}
