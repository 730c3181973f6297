internal import Foundation

/// The limit on this process' open files. Each follower is one, and many systems begin with 1024.
enum OpenFiles {
    /// An upper limit; some systems have none, and huge tables are slow.
    private static let enough: rlim_t = 65_536

    /// What is opened later, beside connections: the database's readers, and files for a moment.
    private static let reserve = 48
    /// What an event loop needs.
    private static let perLoop = 4
    private static let fewestConnections = 8

    /// How many connections `limit` open files leave room for, while a quarter as many are being turned away.
    ///
    /// The limit must never be reached: libdispatch opens files in `/proc` every second, and ends the process where it
    /// can't.
    ///
    /// - Throws: ``TrellisStartError`` for a limit that leaves too little.
    static func connections(
        of limit: Int, inUse: Int = inUse, loops: Int = ProcessInfo.processInfo.processorCount
    ) throws(TrellisStartError) -> Int {
        guard limit > 0 else { return .max }
        let needed = inUse + reserve + perLoop * loops
        let connections = (limit - needed) / 5 * 4
        guard connections >= fewestConnections else {
            throw .tooFewFiles(limit, needed: needed + fewestConnections / 4 * 5)
        }
        return connections
    }

    /// Files that this process has open; 0 where the system does not tell.
    static var inUse: Int { (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0 }

    /// Raises the limit as far as allowed. Returns the new limit.
    @discardableResult
    static func raiseLimit() -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        let wanted = min(limit.rlim_max, enough)
        if limit.rlim_cur < wanted {
            limit.rlim_cur = wanted
            _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            _ = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        }
        return Int(limit.rlim_cur)
    }
}
