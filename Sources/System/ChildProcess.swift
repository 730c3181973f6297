import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A child process in its own session, and so in its own process group.
///
/// It starts with default signal dispositions, nothing blocked, `/dev/null` as stdin, and no open files but the ones
/// that `descriptors` names. (Foundation's `Process` passes on the signals that the calling thread blocks, and a worker
/// thread of Dispatch blocks nearly all of them: such a child can't be terminated.)
public final class ChildProcess: Sendable {
    /// A file of this process, and its number in the child.
    public typealias Descriptor = (file: OpenFile, as: Int32)

    public let pid: Int32
    private let isReaped = Mutex(false)

    /// Starts the executable, and returns once it has taken over.
    ///
    /// - Parameters:
    ///   - name: `argv[0]`; nil for the path of the executable.
    ///   - environment: the whole environment; nothing is inherited.
    /// - Throws: why the executable can't be run.
    public init(
        _ executable: String, name: String? = nil, _ arguments: [String], environment: [String: String],
        descriptors: [Descriptor] = []
    ) throws(PosixError) {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        for descriptor in descriptors {
            posix_spawn_file_actions_adddup2(&actions, descriptor.file.number, descriptor.as)
        }
        Self.closeRest(from: (descriptors.map(\.as).max() ?? 0) + 1, &actions)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        let flags = Int32(POSIX_SPAWN_SETSIGDEF) | Int32(POSIX_SPAWN_SETSIGMASK) | Self.ownSession
        posix_spawnattr_setflags(&attributes, Int16(flags))

        var started: pid_t = 0
        let code = Self.withCStrings([name ?? executable] + arguments) { argv in
            Self.withCStrings(environment.map { "\($0.key)=\($0.value)" }.sorted()) { envp in
                posix_spawn(&started, executable, &actions, &attributes, argv, envp)
            }
        }
        guard code == 0 else { throw PosixError("exec", executable, code: code) }
        pid = started
    }

    /// Blocks until it has ended, and reaps it. Called once.
    @discardableResult
    public func wait() -> ExitStatus? {
        var info = siginfo_t()
        while waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        return isReaped.withLock { isReaped in
            isReaped = true
            return Posix.reap(pid)
        }
    }

    /// Signals the process; false once it is reaped, because its number may belong to another process then.
    @discardableResult
    public func send(_ signal: Posix.Signal) -> Bool {
        isReaped.withLock { isReaped in !isReaped && Posix.send(signal, to: pid) }
    }

    /// Kills the process and all that it started in its group; false once it is reaped.
    @discardableResult
    public func killGroup() -> Bool {
        isReaped.withLock { isReaped in !isReaped && Posix.send(.kill, toGroup: pid) }
    }

    /// Closes everything else in the child: also files that a library opened without close-on-exec.
    private static func closeRest(from first: Int32, _ actions: inout posix_spawn_file_actions_t) {
        typealias Function = @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32
        if let symbol = dlsym(nil, "posix_spawn_file_actions_addclosefrom_np") {
            _ = unsafeBitCast(symbol, to: Function.self)(&actions, first)
            return
        }
        // A C library without it: the exec closes the files.
        for number in Posix.names(in: "/proc/self/fd").compactMap({ Int32($0) }) where number >= first {
            _ = fcntl(number, F_SETFD, FD_CLOEXEC)
        }
    }

    /// `POSIX_SPAWN_SETSID`: the header shows it to GNU sources only.
    private static let ownSession: Int32 = 0x80

    private static func withCStrings<Result>(
        _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        let copies = strings.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return body(copies + [nil])
    }
}
