import Domain
import Foundation
import Logging
import Synchronization
import SystemCalls
import Wire

/// The Tendril's loops: heartbeats, the event stream, claims, and the jobs themselves.
struct Dispatcher: Sendable {
    let configuration: TendrilConfiguration
    let host: JobContext
    let logger: Logger
    private let clock: ServerClock
    private let jobs = RunningJobs()
    private let gate = SerialGate()
    private let wake: AsyncStream<Void>
    private let waker: AsyncStream<Void>.Continuation
    private let standing = Standing()

    init(configuration: TendrilConfiguration, host: JobContext, clock: ServerClock = ServerClock()) {
        self.configuration = configuration
        self.host = host
        self.clock = clock
        logger = host.logger
        // A request to look for work; several merge into one.
        (wake, waker) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// Why it ended by itself; nil if it was stopped.
    var failure: TendrilStartError? { standing.failure }

    /// Claims no more jobs, tells Trellis so, and ends once its jobs are done.
    func drain() {
        standing.drain()
        waker.yield()
    }

    /// Runs until the task is canceled; then engines keep running, and the next process resumes the jobs
    /// it. Also ends after ``drain()``, and if Trellis rejects the token (``failure``).
    func run() async {
        let resumed: [JobRunner]
        do { resumed = try resumeJobs() } catch {
            standing.fail(
                "Can't read the jobs folder, so running engines can't be found: \(error). Make \(host.jobs) readable, "
                    + "then start the Tendril again.")
            return
        }
        for runner in resumed { await jobs.add(runner) }
        await withDiscardingTaskGroup { group in
            for runner in resumed { group.addTask { await run(runner) } }
            group.addTask { await beat() }
            group.addTask { await listen() }
            for await _ in wake {
                while let order = await claimIfFree() { group.addTask { await start(order) } }
                if standing.failure != nil { break }
                guard standing.isDraining else { continue }
                if await jobs.count == 0 { break }
                if standing.announceDrain() { group.addTask { await announce() } }
            }
            group.cancelAll()
        }
        await reportDraining()
    }

    // MARK: - Jobs

    /// The jobs that an earlier process left.
    private func resumeJobs() throws(PosixError) -> [JobRunner] {
        let names: [String]
        do { names = try Posix.list(host.jobs) } catch {
            guard error.isAbsent else { throw error }
            names = []
        }
        return names.sorted().compactMap { name in
            guard let job = JobID(name) else { return nil }
            do {
                let runner = try JobRunner(resuming: host.folder(of: job), host: host)
                if runner == nil { logger.warning("no job data in \(host.folder(of: job).path)") }
                return runner
            } catch {
                logger.error("the job in \(host.folder(of: job).path) can't be resumed: \(error)")
                return nil
            }
        }
    }

    /// Starts a job that was just claimed, and runs it.
    private func start(_ order: ClaimResponse) async {
        do {
            // An earlier claim of the same job, lost before it started. Heartbeats continue while it ends.
            if let earlier = await jobs[order.jobId], await !earlier.progress.done.contains(.start) {
                await earlier.markLeaseLost()
                try await jobs.waitUntilRemoved(order.jobId)
            }
            let runner = try JobRunner(order, host: host)
            await jobs.add(runner)
            await run(runner)
        } catch is CancellationError {
            // The lease stays named: the next process finds out that it was lost.
        } catch {
            // The next heartbeat does not name the lease, so Trellis takes it back.
            logger.error("can't start job \(order.jobId): \(error)")
            await jobs.release(order.jobId)
            waker.yield()
        }
    }

    private func run(_ runner: JobRunner) async {
        await runner.run()
        // A detached job is still ours: the last heartbeat must name its lease.
        guard !Task.isCancelled else { return }
        await jobs.remove(runner)
        // A slot is free.
        waker.yield()
    }

    /// Claims a job if a slot is free and this machine has an engine.
    private func claimIfFree() async -> ClaimResponse? {
        guard !Task.isCancelled, !standing.isDraining, await jobs.count < configuration.slots else { return nil }
        guard await !host.engines.find().isEmpty else { return nil }
        do {
            return try await gate.run {
                guard let order = try await host.trellis.claim() else { return nil }
                await jobs.reserve(LeaseMessage(jobId: order.jobId, epoch: order.epoch))
                return order
            }
        } catch is CancellationError {
            return nil
        } catch {
            // The next heartbeat corrects a claim whose response was lost.
            logger.warning("claiming: \(error)")
            return nil
        }
    }

    // MARK: - Heartbeats

    private func beat() async {
        while !Task.isCancelled {
            do {
                let reply = try await gate.run {
                    let heartbeat = await heartbeat()
                    let sent = host.ambient.now()
                    let reply = try await host.trellis.heartbeat(heartbeat)
                    clock.learn(serverNow: reply.serverNow, sent: sent, received: host.ambient.now())
                    return reply
                }
                greet(reply)
                for job in reply.stop { await jobs[job]?.cancel() }
                for job in reply.kill ?? [] { await jobs[job]?.force() }
                for lease in reply.lost {
                    if let runner = await jobs[lease.jobId], runner.lease == lease { await runner.markLeaseLost() }
                }
                if reply.work { waker.yield() }
            } catch is CancellationError { return } catch {
                logger.warning("heartbeat: \(error)")
                if await isRefused(error) {
                    waker.yield()
                    return
                }
            }
            do { try await host.sleeper.sleep(configuration.heartbeatEvery) } catch { return }
        }
    }

    /// Logs once that Trellis accepts this Tendril, and what prevents sharing plans.
    private func greet(_ reply: HeartbeatResponse) {
        guard standing.connect() else { return }
        logger.notice("connected to \(configuration.trellisURL)\(reply.name.map { " as \($0)" } ?? "")")
        if let others = reply.otherRunRoots, !others.isEmpty {
            logger.notice(
                """
                jobs run under \(configuration.runRoot) here and under \(others.joined(separator: ", ")) elsewhere: \
                a plan is applied only under the folder in which it was made (--run-root)
                """)
        }
    }

    /// Whether Trellis does not know this Tendril, or its token. While it has jobs it keeps asking: an operator may
    /// put it right, and the jobs must not be left alone.
    private func isRefused(_ error: any Error) async -> Bool {
        guard (error as? TrellisCallError)?.status == 401 else {
            standing.forget401()
            return false
        }
        guard standing.count401(), await jobs.count == 0 else { return false }
        standing.fail(
            "Trellis at \(configuration.trellisURL) does not take this Tendril's id and token (401): TENDRIL_ID and "
                + "TENDRIL_TOKEN are wrong, or the Tendril was revoked.")
        return true
    }

    /// Tells Trellis immediately that this Tendril claims no more jobs.
    private func announce() async {
        do {
            _ = try await gate.run { try await host.trellis.heartbeat(await heartbeat()) }
        } catch { logger.debug("the next heartbeat says that this Tendril drains: \(error)") }
    }

    private func heartbeat(draining: Bool = false) async -> HeartbeatRequest {
        HeartbeatRequest(
            version: configuration.version, slots: configuration.slots, draining: draining || standing.isDraining,
            engines: await host.engines.find().map(\.engine), runRoot: configuration.runRoot,
            leases: await jobs.leases)
    }

    /// Tells Trellis that this Tendril claims no more jobs. Best effort.
    private func reportDraining() async {
        let last = await heartbeat(draining: true)
        // In its own task: this one is canceled.
        let farewell = Task { try await host.trellis.heartbeat(last) }
        let limit = Task {
            try await host.sleeper.sleep(.seconds(2))
            farewell.cancel()
        }
        _ = await farewell.result
        limit.cancel()
    }

    // MARK: - Events

    private func listen() async {
        var backoff = Backoff(dependencies: host.ambient)
        while !Task.isCancelled {
            let began = host.ambient.now()
            do {
                try await host.trellis.follow { signal in
                    switch signal {
                    case .connected, .work: waker.yield()
                    case .stop(let job): Task { await jobs[job]?.cancel() }
                    case .force(let job): Task { await jobs[job]?.force() }
                    }
                }
                logger.debug("the event stream ended")
            } catch is CancellationError { return } catch { logger.debug("event stream: \(error)") }
            // A stream that lasted a while was cut on the way; one that never connects must not be
            // asked for over and over.
            if host.ambient.now().milliseconds(since: began) > 10_000 { backoff.reset() }
            do { try await host.sleeper.sleep(backoff.next()) } catch { return }
        }
    }
}

/// What the Tendril knows about its connection to Trellis.
private final class Standing: Sendable {
    private struct State {
        var isConnected = false
        var refusals = 0
        var isDraining = false
        var isAnnounced = false
        var failure: TendrilStartError?
    }

    private let state = Mutex(State())

    var isDraining: Bool { state.withLock { $0.isDraining } }
    var failure: TendrilStartError? { state.withLock { $0.failure } }

    func drain() { state.withLock { $0.isDraining = true } }

    func fail(_ sentence: String) { state.withLock { $0.failure = TendrilStartError(description: sentence) } }

    /// True the first time.
    func connect() -> Bool {
        state.withLock { state in
            state.refusals = 0
            defer { state.isConnected = true }
            return !state.isConnected
        }
    }

    /// True the first time.
    func announceDrain() -> Bool {
        state.withLock { state in
            defer { state.isAnnounced = true }
            return !state.isAnnounced
        }
    }

    func forget401() { state.withLock { $0.refusals = 0 } }

    /// Whether to give up: immediately at the first contact, after three in a row later, when a proxy may be at fault.
    func count401() -> Bool {
        state.withLock { state in
            state.refusals += 1
            return !state.isConnected || state.refusals >= 3
        }
    }
}
