import SystemCalls

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A cgroup (version 2) of its own for one engine. Whatever the engine starts stays in it, also after the death of the
/// supervisor, unless it has the right to move itself.
///
/// It exists only where this process may make one below its own: as root, or where systemd delegates
/// (`Delegate=yes`). Everywhere else, ``Descendants`` alone ends what a job leaves running.
struct EngineCgroup {
    let path: String

    private static let prefix = "vintner-"
    /// How long killed processes may take to be gone, in milliseconds.
    private static let patience: Int64 = 5000

    /// Takes over a cgroup that another process has made; nil for a path that can't be one of those.
    init?(path: String) {
        let name = path.split(separator: "/").last ?? ""
        guard name.hasPrefix(Self.prefix), Posix.exists("\(path)/cgroup.kill") else { return nil }
        self.path = path
    }

    /// Makes a cgroup; nil where there can be none.
    static func make() -> EngineCgroup? {
        guard let own = own(), let process = ProcessIdentity(pid: Posix.processID) else { return nil }
        let path = "\(own)/\(prefix)\(process.pid)-\(process.startTime)"
        guard mkdir(path, 0o755) == 0 else { return nil }
        // A kernel before 5.14 has no cgroup.kill.
        guard let cgroup = EngineCgroup(path: path) else {
            rmdir(path)
            return nil
        }
        return cgroup
    }

    /// Runs `body` with this process in the cgroup, so that what it starts begins there.
    ///
    /// - Returns: what `body` returns, and whether the cgroup may be killed: not if this process could not leave it.
    func around<Result>(_ body: () throws -> Result) rethrows -> (result: Result, isSeparate: Bool) {
        let parent = path.split(separator: "/").dropLast().map { "/\($0)" }.joined()
        let isIn = Self.enter(path)
        do {
            let result = try body()
            return (result, isIn && Self.enter(parent))
        } catch {
            if isIn { Self.enter(parent) }
            throw error
        }
    }

    /// Kills everything in the cgroup and removes it.
    func end() -> [Leftover] {
        let processes = members()
        guard !processes.contains(Posix.processID) else { return [] }
        var leftovers = processes.compactMap { pid in
            ProcessIdentity.status(of: pid).map { Leftover(pid: pid, name: $0.name, isEnded: true) }
        }
        Self.write("1", to: "\(path)/cgroup.kill")
        let limit = Posix.uptimeMilliseconds() + Self.patience
        while !remove(path), Posix.uptimeMilliseconds() < limit { Posix.sleep(milliseconds: 1) }
        let alive = Set(members())
        for index in leftovers.indices where alive.contains(leftovers[index].pid) { leftovers[index].isEnded = false }
        return leftovers
    }

    /// The processes in the cgroup, without zombies, and in those below it.
    private func members() -> [Int32] {
        var found: [Int32] = []
        visit(path) { folder in
            guard let text = try? SmallFile.read("\(folder)/cgroup.procs") else { return }
            found += String(decoding: text, as: UTF8.self).split(separator: "\n").compactMap { Int32($0) }
        }
        return found
    }

    /// Removes the cgroup, and those that the engine made below it; false while one has processes.
    private func remove(_ path: String) -> Bool {
        visit(path) { rmdir($0) }
        return !Posix.exists(path)
    }

    /// Calls `body` with each cgroup, the inner ones first.
    private func visit(_ path: String, depth: Int = 0, _ body: (String) -> Void) {
        for name in Posix.names(in: path) where depth < 16 && Files.kind(of: "\(path)/\(name)") == .folder {
            visit("\(path)/\(name)", depth: depth + 1, body)
        }
        body(path)
    }

    @discardableResult
    private static func enter(_ path: String) -> Bool { write(String(Posix.processID), to: "\(path)/cgroup.procs") }

    @discardableResult
    private static func write(_ text: String, to path: String) -> Bool {
        guard let file = try? OpenFile(path, .readWrite) else { return false }
        return (try? file.append(Array(text.utf8))) != nil
    }

    // MARK: - Where this process is

    /// The folder of this process's own cgroup; nil if it has none of version 2.
    private static func own() -> String? {
        guard let mounts = try? SmallFile.read("/proc/self/mountinfo", limit: 4 << 20),
            let cgroups = try? SmallFile.read("/proc/self/cgroup")
        else { return nil }
        return folder(
            mounts: String(decoding: mounts, as: UTF8.self), cgroups: String(decoding: cgroups, as: UTF8.self))
    }

    /// - Parameters: the contents of `/proc/self/mountinfo` and `/proc/self/cgroup`.
    static func folder(mounts: String, cgroups: String) -> String? {
        guard let line = cgroups.split(separator: "\n").first(where: { $0.hasPrefix("0::/") }) else { return nil }
        let own = line.dropFirst(3)
        // Outside of this process's cgroup namespace, or deleted.
        guard !own.contains("/.."), !own.hasSuffix(" (deleted)") else { return nil }
        for mount in mounts.split(separator: "\n") {
            // ID, parent, device, root, mount point, options, …, "-", type, source, options
            let fields = mount.split(separator: " ")
            guard fields.count > 6, let dash = fields.firstIndex(of: "-"), dash + 1 < fields.count,
                fields[dash + 1] == "cgroup2"
            else { continue }
            let root = fields[3] == "/" ? "" : fields[3]
            guard own == root || own.hasPrefix("\(root)/") else { continue }
            let below = own.dropFirst(root.count)
            return below == "/" ? String(fields[4]) : "\(fields[4])\(below)"
        }
        return nil
    }
}
