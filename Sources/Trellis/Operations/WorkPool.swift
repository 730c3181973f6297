internal import Foundation
internal import NIOPosix

/// Threads for work that users can make long: searches, filters and passwords. Neither the event loops nor the threads of Swift's
/// tasks, which every request needs, ever do it; and it runs behind everything else.
struct WorkPool: Sendable {
    /// Searches in logs, and compiling their patterns.
    static let searches = WorkPool(threads: 2)
    /// Passwords.
    static let passwords = WorkPool(threads: 2)
    /// Filters of Realtime bindings.
    static let filters = WorkPool(threads: 2)

    /// Decrypting, reading and comparing states.
    static let states = WorkPool(threads: 2)

    private let pool: NIOThreadPool

    private init(threads: Int) {
        pool = NIOThreadPool(numberOfThreads: threads)
        pool.start()
    }

    func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await pool.runIfActive {
            Self.giveWay()
            return try body()
        }
    }

    /// Runs `body` on these threads, with all that it awaits outside of actors.
    func perform<Result: Sendable>(_ body: @Sendable () async throws -> Result) async throws -> Result {
        try await withTaskExecutorPreference(Executor(pool: self), operation: body)
    }

    private final class Executor: TaskExecutor {
        private let pool: WorkPool

        init(pool: WorkPool) { self.pool = pool }

        func enqueue(_ job: consuming ExecutorJob) {
            let job = UnownedJob(job)
            pool.submit { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
        }
    }

    func submit(_ body: @escaping @Sendable () -> Void) {
        pool.submit { _ in
            Self.giveWay()
            body()
        }
    }

    /// Lowers the calling thread's priority: on Linux a nice value is a thread's own.
    private static func giveWay() {
        #if os(Linux)
            _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10)
        #endif
    }
}
