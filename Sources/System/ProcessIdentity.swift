/// Identifies a process unambiguously: the system reuses process numbers.
public struct ProcessIdentity: Codable, Hashable, Sendable {
    public var pid: Int32
    /// Clock ticks from boot to its start (field 22 of `/proc/PID/stat`).
    public var startTime: UInt64
    public var bootID: String

    /// The process that has the number now; nil if there is none.
    public init?(pid: Int32) {
        guard let status = Self.status(of: pid) else { return nil }
        self.pid = pid
        startTime = status.startTime
        bootID = Self.currentBootID()
    }

    /// Whether it runs. A zombie does not.
    public var isAlive: Bool {
        guard let status = Self.status(of: pid), status.startTime == startTime else { return false }
        return status.state != "Z" && status.state != "X" && bootID == Self.currentBootID()
    }

    /// Whether its number belongs to another process now, or it is of another boot.
    public var isReplaced: Bool {
        if bootID != Self.currentBootID() { return true }
        return Self.status(of: pid).map { $0.startTime != startTime } ?? false
    }

    /// Kills its process group, which has the number of the process that led it.
    ///
    /// The system does not reuse the number while the group has members, so they are this process's children unless
    /// another process has the number now.
    ///
    /// - Returns: whether the group had members.
    @discardableResult
    public func killGroup() -> Bool { !isReplaced && Posix.send(.kill, toGroup: pid) }

    public static func currentBootID() -> String {
        let bytes = try? SmallFile.read("/proc/sys/kernel/random/boot_id")
        return String(decoding: bytes ?? [], as: UTF8.self).filter { !$0.isWhitespace }
    }

    /// The contents of `/proc/PID/stat`.
    public struct Status {
        /// At most 15 bytes of the program's name. The process chooses it.
        public var name: String
        public var state: Character
        public var parent: Int32
        public var group: Int32
        public var startTime: UInt64

        public var isRunning: Bool { state != "Z" && state != "X" }
    }

    public static func status(of pid: Int32) -> Status? {
        guard let bytes = try? SmallFile.read("/proc/\(pid)/stat") else { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        // The name is in brackets and may contain spaces and brackets; field 3 follows the last bracket.
        guard let bracket = text.lastIndex(of: ")"), let opening = text.firstIndex(of: "(") else { return nil }
        let fields = text[text.index(after: bracket)...].split(separator: " ")
        guard fields.count > 19, let state = fields[0].first, let parent = Int32(fields[1]),
            let group = Int32(fields[2]), let start = UInt64(fields[19])
        else { return nil }
        let name = text[text.index(after: opening)..<max(bracket, text.index(after: opening))]
        return Status(name: String(name), state: state, parent: parent, group: group, startTime: start)
    }
}

/// The processes that a child started, and that stayed in its group.
public enum ProcessGroup {
    /// How long to wait for killed processes to end, in milliseconds: one that is stuck in the kernel may never end.
    public static let patience: Int64 = 500

    /// Whether a process of the group runs. Zombies do not count: in a container they may never be reaped.
    public static func isAlive(_ group: Int32) -> Bool {
        guard Posix.send(.none, toGroup: group) else { return false }
        return Posix.names(in: "/proc").lazy.compactMap { Int32($0) }.contains { pid in
            guard let status = ProcessIdentity.status(of: pid), status.group == group else { return false }
            return status.state != "Z" && status.state != "X"
        }
    }
}

/// The file that records which process was started, so that a later start finds a process that was left behind.
public struct PidFile: Sendable {
    private let path: String

    public init(_ path: String) { self.path = path }

    /// Writes the pid with the start time of its process: the system reuses process numbers.
    public func write(_ pid: Int32) throws(PosixError) {
        let line = "\(pid) \(ProcessIdentity.status(of: pid)?.startTime ?? 0)\n"
        try SmallFile.write(Array(line.utf8), to: path, durably: false)
    }

    public func remove() { try? Posix.remove(path) }

    /// The recorded process, if it still runs.
    public var runningProcess: Int32? {
        guard let bytes = try? SmallFile.read(path) else { return nil }
        let fields = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard fields.count == 2, let pid = Int32(fields[0]), let startTime = UInt64(fields[1]),
            let status = ProcessIdentity.status(of: pid), status.startTime == startTime, status.isRunning
        else { return nil }
        return pid
    }

    /// Ends the process that was left behind: SIGTERM, then SIGKILL after `patience`.
    public func terminateLeftover(patience: Duration = .seconds(10)) async {
        guard let pid = runningProcess else { return }
        Posix.send(.terminate, to: pid)
        let deadline = ContinuousClock.now.advanced(by: patience)
        while runningProcess != nil, ContinuousClock.now < deadline {
            try? await Task.sleep(for: .milliseconds(20))
        }
        if runningProcess != nil { Posix.send(.kill, to: pid) }
        remove()
    }
}
