import SystemCalls

/// A process that an engine left running.
struct Leftover: Codable, Hashable, Sendable {
    var pid: Int32
    /// The process chose it: see ``shownName``.
    var name: String
    /// False if it could not be killed: it runs as another user, or is stuck in the kernel.
    var isEnded: Bool

    /// Only what can't be mistaken for anything else in a log line.
    private var shownName: String {
        let safe = name.unicodeScalars.map { scalar in
            (0x21...0x7e).contains(scalar.value) ? Character(scalar) : "?"
        }
        return safe.isEmpty ? "?" : String(safe.prefix(16))
    }

    /// What two searches found; the second one has the last word on a process.
    static func merged(_ first: [Leftover], _ second: [Leftover]) -> [Leftover] {
        let seen = Set(second.map(\.pid))
        return (first.filter { !seen.contains($0.pid) } + second).sorted { $0.pid < $1.pid }
    }

    /// What the log says about `leftovers`.
    static func sentences(_ leftovers: [Leftover]) -> [String] {
        func list(_ some: [Leftover]) -> String {
            let shown = some.prefix(10).map { "\($0.shownName) (process \($0.pid))" }.joined(separator: ", ")
            return some.count > 10 ? "\(shown) and \(some.count - 10) more" : shown
        }
        let (ended, alive) = (leftovers.filter(\.isEnded), leftovers.filter { !$0.isEnded })
        var sentences: [String] = []
        if !ended.isEmpty {
            let what = ended.count == 1 ? "a process that the job left" : "\(ended.count) processes that the job left"
            sentences.append("Ended \(what) running: \(list(ended))")
        }
        if !alive.isEmpty { sentences.append("Could not end what the job left running: \(list(alive))") }
        return sentences
    }
}

/// The processes below this one, wherever they moved: into another session, another group, or away from their parent.
enum Descendants {
    /// How long killed processes may take to be gone, in milliseconds.
    private static let patience: Int64 = 5000

    /// Ends everything below this process, which must be a subreaper (``Posix/becomeSubreaper()``) and have no child
    /// of its own.
    ///
    /// Whoever loses its parent becomes a child of this process, so killing its children until it has none ends
    /// everything, however fast it forks away; only one that makes more than it loses could win.
    static func end() -> [Leftover] {
        var seen: [Int32: Leftover] = [:]
        let limit = Posix.uptimeMilliseconds() + patience
        while Posix.reapEnded() {
            guard Posix.uptimeMilliseconds() < limit else {
                for (pid, status) in living(below: Posix.processID) {
                    seen[pid] = Leftover(pid: pid, name: status.name, isEnded: false)
                }
                break
            }
            var isNew = false
            for pid in children() {
                Posix.send(.kill, to: pid)
                // It keeps its name until it is reaped.
                guard seen[pid] == nil, let status = ProcessIdentity.status(of: pid) else { continue }
                seen[pid] = Leftover(pid: pid, name: status.name, isEnded: true)
                isNew = true
            }
            if !isNew { Posix.sleep(milliseconds: 1) }
        }
        return seen.values.sorted { $0.pid < $1.pid }
    }

    /// The numbers of this process's own children; those that lost their parent are given to its first thread.
    private static func children() -> [Int32] {
        let own = Posix.processID
        if let bytes = try? SmallFile.read("/proc/self/task/\(own)/children"), !bytes.isEmpty {
            return String(decoding: bytes, as: UTF8.self).split(separator: " ").compactMap { Int32($0) }
        }
        // A kernel without that file, or a child of another thread.
        return processes().filter { $0.status.parent == own }.map(\.pid)
    }

    /// Ends every process that this user may look into and whose environment has `entry` (`NAME=value`): for an engine
    /// whose supervisor was killed.
    static func end(withEnvironment entry: String) -> [Leftover] {
        let wanted = Array(entry.utf8)
        // The children of this process are awaited elsewhere.
        return end {
            processes().compactMap { pid, status in
                guard pid != Posix.processID, status.isRunning,
                    let environment = try? SmallFile.read("/proc/\(pid)/environ", limit: 4 << 20)
                else { return nil }
                return environment.split(separator: 0).contains { $0.elementsEqual(wanted) } ? (pid, status) : nil
            }
        }
    }

    /// Kills what `find` finds until it finds nothing: between two looks one may have started another.
    private static func end(_ find: () -> [(pid: Int32, status: ProcessIdentity.Status)]) -> [Leftover] {
        var seen: [UInt64: [Int32: Leftover]] = [:]
        let limit = Posix.uptimeMilliseconds() + patience
        var alive = find()
        while !alive.isEmpty {
            for (pid, status) in alive {
                seen[status.startTime, default: [:]][pid] = Leftover(pid: pid, name: status.name, isEnded: true)
                Posix.send(.kill, to: pid)
            }
            Posix.sleep(milliseconds: 2)
            alive = find()
            guard Posix.uptimeMilliseconds() < limit else { break }
        }
        for (pid, status) in alive { seen[status.startTime]?[pid]?.isEnded = false }
        return seen.values.flatMap(\.values).sorted { $0.pid < $1.pid }
    }

    private static func living(below root: Int32) -> [(pid: Int32, status: ProcessIdentity.Status)] {
        let children = Dictionary(grouping: processes()) { $0.status.parent }
        var found: [(pid: Int32, status: ProcessIdentity.Status)] = []
        var open = [root]
        while let parent = open.popLast() {
            for child in children[parent] ?? [] {
                open.append(child.pid)
                if child.status.isRunning { found.append(child) }
            }
        }
        return found
    }

    private static func processes() -> [(pid: Int32, status: ProcessIdentity.Status)] {
        Posix.names(in: "/proc").compactMap { name in
            guard let pid = Int32(name), let status = ProcessIdentity.status(of: pid) else { return nil }
            return (pid, status)
        }
    }
}
