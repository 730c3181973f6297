/// Which process is meant, for good: a number alone is given to another process some day.
struct ProcessIdentity: Codable, Hashable, Sendable {
    var pid: Int32
    /// Clock ticks from boot to its start (field 22 of `/proc/PID/stat`).
    var startTime: UInt64
    var bootID: String

    /// The process that has the number now; nil where there is none.
    init?(pid: Int32) {
        guard let status = Self.status(of: pid) else { return nil }
        self.pid = pid
        startTime = status.startTime
        bootID = Self.currentBootID()
    }

    /// It runs. A zombie does not.
    var isAlive: Bool {
        guard let status = Self.status(of: pid), status.startTime == startTime else { return false }
        return status.state != "Z" && status.state != "X" && bootID == Self.currentBootID()
    }

    /// Its number belongs to another process now, or to one of another boot.
    var isReplaced: Bool {
        if bootID != Self.currentBootID() { return true }
        return Self.status(of: pid).map { $0.startTime != startTime } ?? false
    }

    /// Ends what it left behind in its process group; the group has the number of the process that led it.
    ///
    /// The number is not given away while the group has members, so whoever is in it belongs to us unless the
    /// number leads somebody else's group by now.
    ///
    /// - Returns: whether there was somebody.
    @discardableResult
    func killGroup() -> Bool { !isReplaced && Posix.send(.kill, toGroup: pid) }

    static func currentBootID() -> String {
        let bytes = try? SmallFile.read("/proc/sys/kernel/random/boot_id")
        return String(decoding: bytes ?? [], as: UTF8.self).filter { !$0.isWhitespace }
    }

    /// What `/proc/PID/stat` says.
    struct Status {
        /// At most 15 bytes of the program's name. The process chooses it.
        var name: String
        var state: Character
        var parent: Int32
        var group: Int32
        var startTime: UInt64

        var isRunning: Bool { state != "Z" && state != "X" }
    }

    static func status(of pid: Int32) -> Status? {
        guard let bytes = try? SmallFile.read("/proc/\(pid)/stat") else { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        // The name stands in brackets and may hold spaces and brackets itself; field 3 follows the last one.
        guard let bracket = text.lastIndex(of: ")"), let opening = text.firstIndex(of: "(") else { return nil }
        let fields = text[text.index(after: bracket)...].split(separator: " ")
        guard fields.count > 19, let state = fields[0].first, let parent = Int32(fields[1]),
            let group = Int32(fields[2]), let start = UInt64(fields[19])
        else { return nil }
        let name = text[text.index(after: opening)..<max(bracket, text.index(after: opening))]
        return Status(name: String(name), state: state, parent: parent, group: group, startTime: start)
    }
}

/// The processes that an engine started, and that stayed in its group.
enum ProcessGroup {
    /// How long to wait for the end of processes that were killed, in milliseconds: one that is stuck in the kernel
    /// may take for ever.
    static let patience: Int64 = 500

    /// Some process of the group runs. Zombies don't, and in a container nobody may ever reap them.
    static func isAlive(_ group: Int32) -> Bool {
        guard Posix.send(.none, toGroup: group) else { return false }
        return Posix.names(in: "/proc").lazy.compactMap { Int32($0) }.contains { pid in
            guard let status = ProcessIdentity.status(of: pid), status.group == group else { return false }
            return status.state != "Z" && status.state != "X"
        }
    }
}
