#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A failed system call, described for people.
public struct PosixError: Error, Hashable, CustomStringConvertible {
    public var call: String
    public var path: String?
    public var code: Int32
    /// The reason, if the system has no message for it.
    private var detail: String?

    /// Takes the calling thread's `errno`.
    public init(_ call: String, _ path: String? = nil) { self.init(call, path, code: errno) }

    public init(_ call: String, _ path: String? = nil, code: Int32) {
        self.call = call
        self.path = path
        self.code = code
    }

    /// There is something else than a regular file at `path`.
    public static func notRegular(_ path: String, kind: String) -> PosixError {
        var error = PosixError("open", path, code: EINVAL)
        error.detail = "it is \(kind), not a regular file"
        return error
    }

    /// The system's message: `No such file or directory`.
    public var reason: String { detail ?? strerror(code).map { String(cString: $0) } ?? "error \(code)" }

    /// There is a link, a FIFO, a socket, a device or a folder at the path.
    public var isNotRegular: Bool { detail != nil || code == ELOOP || code == EISDIR || code == ENXIO }

    public var description: String { (path.map { "\(call) \($0)" } ?? call) + ": \(reason)" }

    public var isMissing: Bool { code == ENOENT || code == ENOTDIR }
    /// There is nothing at the path, though its folder may exist.
    public var isAbsent: Bool { code == ENOENT }
    /// The file exists but can't be executed (exit status 126).
    public var isNotExecutable: Bool { code == EACCES || code == ENOEXEC || code == EPERM }
}

/// Thin wrappers over system calls, to keep C calls in few files.
public enum Posix {
    /// Milliseconds since boot, without the time asleep; the same for every process of one boot.
    public static func uptimeMilliseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// `fallocate` with PUNCH_HOLE and KEEP_SIZE: the header shows it to GNU sources only.
    public static func punchHole(_ number: Int32, _ offset: Int64, _ length: Int64) -> Int32 {
        typealias Function = @convention(c) (Int32, Int32, Int64, Int64) -> Int32
        guard let symbol = dlsym(nil, "fallocate") else {
            errno = ENOSYS
            return -1
        }
        return unsafeBitCast(symbol, to: Function.self)(number, 0x03, offset, length)
    }

    public static func sleep(milliseconds: Int) { usleep(UInt32(milliseconds) * 1000) }

    /// The index of the next line feed; nil if `bytes` has none.
    public static func lineFeed(in bytes: Slice<UnsafeBufferPointer<UInt8>>) -> Int? {
        guard !bytes.isEmpty, let base = bytes.base.baseAddress else { return nil }
        let start = base + bytes.startIndex
        guard let found = memchr(start, 0x0a, bytes.count) else { return nil }
        return bytes.startIndex + (UnsafeRawPointer(found) - UnsafeRawPointer(start))
    }

    public static var processID: Int32 { getpid() }

    public static var environment: [String: String] {
        var entries: [String: String] = [:]
        var next = environ
        while let entry = next.pointee {
            let parts = String(cString: entry).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { entries[String(parts[0])] = String(parts[1]) }
            next += 1
        }
        return entries
    }

    public static func makeFolder(_ path: String, mode: UInt32 = 0o700) throws(PosixError) {
        guard mkdir(path, mode) == 0 || errno == EEXIST else { throw PosixError("mkdir", path) }
    }

    public static func makeFIFO(_ path: String) throws(PosixError) {
        guard mkfifo(path, 0o600) == 0 || errno == EEXIST else { throw PosixError("mkfifo", path) }
    }

    public static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    public static func move(_ old: String, to new: String) throws(PosixError) {
        guard rename(old, new) == 0 else { throw PosixError("rename", new) }
    }

    public static func remove(_ path: String) throws(PosixError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw PosixError("unlink", path) }
    }

    public static func changeFolder(_ path: String) throws(PosixError) {
        guard chdir(path) == 0 else { throw PosixError("chdir", path) }
    }

    // MARK: - Signals and processes

    public enum Signal: Sendable {
        case interrupt, terminate, kill
        /// Only checks whether there is such a process.
        case none

        fileprivate var number: Int32 {
            switch self {
            case .interrupt: SIGINT
            case .terminate: SIGTERM
            case .kill: SIGKILL
            case .none: 0
            }
        }
    }

    /// False if the process does not exist.
    @discardableResult
    public static func send(_ signal: Signal, to pid: Int32) -> Bool {
        guard pid > 1 else { return false }
        return kill(pid, signal.number) == 0
    }

    /// Signals every process of the group. False if it is empty.
    @discardableResult
    public static func send(_ signal: Signal, toGroup group: Int32) -> Bool {
        // -1 would signal every process.
        guard group > 1 else { return false }
        return kill(-group, signal.number) == 0 || errno == EPERM
    }

    /// Ignores the signals that must not end a process that outlives its parent.
    public static func ignoreStopSignals() {
        for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGTSTP, SIGTTIN, SIGTTOU] {
            signal(number, SIG_IGN)
        }
    }

    public static func ignoreBrokenPipes() { signal(SIGPIPE, SIG_IGN) }

    /// Blocks until the child `pid` has ended, and leaves it unreaped: its PID stays reserved. Other children, which a
    /// subreaper gets from the processes below it, are reaped.
    public static func awaitExit(ofChild pid: Int32) {
        while true {
            var info = siginfo_t()
            guard waitid(P_ALL, 0, &info, WEXITED | WNOWAIT) == 0 else {
                if errno == EINTR { continue }
                return
            }
            // si_pid: after si_signo, si_errno, si_code and a hole. The headers have it as a macro.
            let ended = withUnsafeBytes(of: &info) { $0.load(fromByteOffset: 16, as: Int32.self) }
            if ended == pid { return }
            waitpid(ended, nil, 0)
        }
    }

    /// Reaps every child that has ended, without waiting.
    ///
    /// - Returns: whether children are left.
    public static func reapEnded() -> Bool {
        while true {
            let pid = waitpid(-1, nil, WNOHANG)
            if pid == 0 { return true }
            if pid < 0, errno != EINTR { return false }
        }
    }

    /// `prctl(2)`, which Swift can't call because it is variadic.
    private static func prctl(_ option: Int32, _ argument: UInt) -> Bool {
        typealias Function = @convention(c) (Int32, UInt, UInt, UInt, UInt) -> Int32
        guard let symbol = dlsym(nil, "prctl") else { return false }
        return unsafeBitCast(symbol, to: Function.self)(option, argument, 0, 0, 0) == 0
    }

    /// The soft limit on open files that children get, if this process has raised its own.
    public static let openFilesVariable = "VINTNER_OPEN_FILES"

    /// Raises the soft limit on this process's open files, and notes the former one for its children: programs that
    /// don't expect a large limit may be slow or fail under one. Call it before other threads run.
    public static func raiseOpenFileLimit(to wanted: Int) {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        let raised = min(limit.rlim_max, rlim_t(wanted))
        guard limit.rlim_cur < raised else { return }
        setenv(openFilesVariable, String(limit.rlim_cur), 1)
        limit.rlim_cur = raised
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    /// Takes the limit on open files back that the process before this one has raised.
    public static func restoreOpenFileLimit() {
        var limit = rlimit()
        guard let former = environment[openFilesVariable].flatMap(rlim_t.init),
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, former < limit.rlim_cur
        else { return }
        limit.rlim_cur = former
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    /// Descendants that lose their parent become children of this process (PR_SET_CHILD_SUBREAPER).
    @discardableResult
    public static func becomeSubreaper() -> Bool { prctl(36, 1) }

    /// Other processes of the same user can't read this one's memory, environment and open files (PR_SET_DUMPABLE).
    /// Root still can. No core is dumped.
    @discardableResult
    public static func becomePrivate() -> Bool { prctl(4, 0) }

    /// Blocks until the child `pid` has ended, and reaps it; nil if it is not a child of this process.
    public static func reap(_ pid: Int32) -> ExitStatus? {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) != pid {
            guard errno == EINTR else { return nil }
        }
        // WIFEXITED and its like are macros, which Swift does not import.
        let signal = status & 0x7f
        return signal == 0 ? .exited(code: Int((status >> 8) & 0xff)) : .signaled(Int(signal))
    }

    /// The names in a folder, without `.` and `..`; none if it can't be read.
    public static func names(in path: String) -> [String] { (try? list(path)) ?? [] }

    /// The names in a folder, without `.` and `..`.
    public static func list(_ path: String) throws(PosixError) -> [String] {
        guard let folder = opendir(path) else { throw PosixError("opendir", path) }
        defer { closedir(folder) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(folder) else {
                guard errno == 0 else { throw PosixError("readdir", path) }
                return names
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
    }

    /// Closes the inherited descriptors from `first` on.
    public static func closeDescriptors(from first: Int32) {
        for number in names(in: "/proc/self/fd").compactMap({ Int32($0) }) where number >= first { close(number) }
    }
}

/// How a process ended.
public enum ExitStatus: Hashable, Sendable {
    case exited(code: Int)
    case signaled(Int)
}
