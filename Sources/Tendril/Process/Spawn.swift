#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A process to start in a session (and so a process group) of its own.
///
/// It begins with default signal dispositions, nothing blocked, `/dev/null` as stdin, and of all open files only
/// what `descriptors` names (everything here is opened close-on-exec).
struct Spawn {
    var executable: String
    /// `argv[0]`.
    var name: String
    var arguments: [String]
    /// The whole environment.
    var environment: [String: String]
    /// Which of our files stands under which number there.
    var descriptors: [(file: OpenFile, as: Int32)]

    /// Starts it, and returns once the executable has taken over.
    ///
    /// - Throws: why the executable could not be run.
    func start() throws(PosixError) -> Int32 {
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

        var pid: pid_t = 0
        let code = Self.withCStrings([name] + arguments) { argv in
            Self.withCStrings(environment.map { "\($0.key)=\($0.value)" }.sorted()) { envp in
                posix_spawn(&pid, executable, &actions, &attributes, argv, envp)
            }
        }
        guard code == 0 else { throw PosixError("exec", executable, code: code) }
        return pid
    }

    /// Closes everything else in the child: files that somebody opened without close-on-exec too.
    private static func closeRest(from first: Int32, _ actions: inout posix_spawn_file_actions_t) {
        typealias Function = @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32
        if let symbol = dlsym(nil, "posix_spawn_file_actions_addclosefrom_np") {
            _ = unsafeBitCast(symbol, to: Function.self)(&actions, first)
            return
        }
        // A C library without it: the files stay open here and are closed by the exec.
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
