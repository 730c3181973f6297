internal import Foundation

/// The limit on this process' open files. Each follower is one, and many systems begin with 1024.
enum OpenFiles {
    /// An upper limit; some systems have none, and huge tables are slow.
    private static let enough: rlim_t = 65_536

    /// How many connections `limit` open files leave room for: the database, the logs and the listener need some, too.
    static func connections(of limit: Int) -> Int { max(8, limit - max(64, limit / 4)) }

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
