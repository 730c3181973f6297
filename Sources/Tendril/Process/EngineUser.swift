import SystemCalls

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The user that engines run as, if it is not the Tendril's own.
public struct EngineUser: Codable, Hashable, Sendable {
    public var name: String
    public var uid: UInt32
    public var gid: UInt32
    public var home: String

    /// - Throws: ``TendrilStartError`` if the user does not exist, if it is root, and if this process may not
    ///   run anything as another user.
    public init(named name: String) throws(TendrilStartError) {
        guard let entry = getpwnam(name)?.pointee else {
            throw TendrilStartError(description: "There is no user \"\(name)\" on this machine (--run-as).")
        }
        guard entry.pw_uid != 0 else {
            throw TendrilStartError(description: "--run-as takes a user with fewer rights than root.")
        }
        guard geteuid() == 0 else {
            throw TendrilStartError(description: "Only root can run engines as another user (--run-as \(name)).")
        }
        self.name = name
        uid = entry.pw_uid
        gid = entry.pw_gid
        home = entry.pw_dir.map { String(cString: $0) } ?? "/"
    }

    /// Gives the file or folder to the user, with all that is in it. No link is followed, also if a process of the user
    /// puts one there meanwhile. `path` itself lies in a folder that the user can't change.
    func own(_ path: String) throws(PosixError) { try own(path, in: AT_FDCWD, shown: path) }

    private func own(_ name: String, in folder: Int32, shown: String) throws(PosixError) {
        guard fchownat(folder, name, uid, gid, AT_SYMLINK_NOFOLLOW) == 0 else { throw PosixError("chown", shown) }
        let number = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard number >= 0 else {
            // Not a folder.
            if errno == ENOTDIR || errno == ELOOP { return }
            throw PosixError("open", shown)
        }
        defer { close(number) }
        for name in try Posix.list("/proc/self/fd/\(number)") {
            try own(name, in: number, shown: "\(shown)/\(name)")
        }
    }

    /// Creates a file that only the user can read. Nothing may be at `path`; no link is followed.
    func create(_ data: [UInt8], at path: String) throws(PosixError) {
        let number = try Posix.openRegular(path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o400)
        let file = OpenFile(adopting: number, path: path)
        let error = data.withUnsafeBytes { bytes -> PosixError? in
            do throws(PosixError) {
                try file.writeAll(bytes)
                return nil
            } catch { return error }
        }
        if let error { throw error }
        guard fchmod(number, 0o400) == 0, fchown(number, uid, gid) == 0 else { throw PosixError("chown", path) }
    }

    /// Makes a folder of the Tendril's that others can pass through, and not list or change. It may be there.
    ///
    /// - Throws: if there is a link, or something of another user's.
    static func makePassableFolder(_ path: String) throws(PosixError) {
        guard mkdir(path, 0o711) == 0 || errno == EEXIST else { throw PosixError("mkdir", path) }
        let number = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard number >= 0 else { throw PosixError("open", path) }
        defer { close(number) }
        var status = stat()
        guard fstat(number, &status) == 0 else { throw PosixError("fstat", path) }
        guard status.st_uid == geteuid() else { throw PosixError("open", path, code: EPERM) }
        guard fchmod(number, 0o711) == 0 else { throw PosixError("chmod", path) }
    }

    /// Gives the folder itself to the user, not what is in it.
    func ownAlone(_ path: String) throws(PosixError) {
        guard lchown(path, uid, gid) == 0 else { throw PosixError("chown", path) }
    }

    /// Whether the user may pass through every folder above `path`. Groups other than the first are not counted.
    func canReach(_ path: String) -> Bool {
        var folders = ["/"]
        for component in path.split(separator: "/").dropLast() {
            folders.append((folders.last == "/" ? "" : folders.last ?? "") + "/\(component)")
        }
        return folders.allSatisfy { folder in
            var status = stat()
            guard stat(folder, &status) == 0 else { return true }
            if status.st_uid == uid { return status.st_mode & 0o100 != 0 }
            return status.st_mode & (status.st_gid == gid ? 0o010 : 0o001) != 0
        }
    }

    /// Makes this process the user's, for good.
    fileprivate func become() -> Bool {
        typealias InitGroups = @convention(c) (UnsafePointer<CChar>, UInt32) -> Int32
        guard let symbol = dlsym(nil, "initgroups") else { return false }
        let hasGroups = unsafeBitCast(symbol, to: InitGroups.self)(name, gid) == 0
        // Root's rights must not come back.
        return hasGroups && setgid(gid) == 0 && setuid(uid) == 0 && setuid(0) != 0 && getuid() == uid
    }
}

/// The hidden subcommand that gives up root's rights and becomes the engine.
public enum RunAsMain {
    /// The name of the subcommand.
    public static let subcommand = "run-as"

    /// What to start instead of `executable`.
    static func arguments(for user: EngineUser, _ executable: String, _ arguments: [String]) -> [String] {
        [subcommand, String(user.uid), String(user.gid), user.name, executable] + arguments
    }

    /// Returns only if the engine could not be started, with a shell's exit status for that.
    public static func run(arguments: [String]) -> Int32 {
        guard arguments.count >= 4, let uid = UInt32(arguments[0]), let gid = UInt32(arguments[1]), uid != 0 else {
            return 64
        }
        let user = EngineUser(name: arguments[2], uid: uid, gid: gid, home: "")
        let executable = arguments[3]
        guard user.become() else { return complain("Can't become \(user.name): \(PosixError("setuid").reason)", 126) }
        let copies = arguments.dropFirst(3).map { strdup($0) } + [nil]
        execv(executable, copies)
        let error = PosixError("exec", executable)
        return complain("Can't run \(executable) as \(user.name): \(error.reason)", error.isNotExecutable ? 126 : 127)
    }

    private static func complain(_ sentence: String, _ status: Int32) -> Int32 {
        let bytes = Array("\(sentence)\n".utf8)
        write(2, bytes, bytes.count)
        return status
    }
}

extension EngineUser {
    fileprivate init(name: String, uid: UInt32, gid: UInt32, home: String) {
        self.name = name
        self.uid = uid
        self.gid = gid
        self.home = home
    }
}
