import Domain
import Foundation
import Logging
import Wire

/// The Tendril's loops: heartbeats, the event stream, claims, and the jobs themselves.
struct Dispatcher: Sendable {
    let configuration: TendrilConfiguration
    let host: JobHost
    let logger: Logger
    private let clock: ServerClock
    private let roster = Roster()
    private let turnstile = Turnstile()
    private let wake: AsyncStream<Void>
    private let waker: AsyncStream<Void>.Continuation

    init(configuration: TendrilConfiguration, host: JobHost, clock: ServerClock = ServerClock()) {
        self.configuration = configuration
        self.host = host
        self.clock = clock
        logger = host.logger
        // A wish to look for work; more than one at a time is no more than one.
        (wake, waker) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// Runs until the task is cancelled; then no engine is touched, and every job stays where the next process finds
    /// it.
    func run() async {
        let leftovers = adopt()
        for runner in leftovers { await roster.add(runner) }
        await withDiscardingTaskGroup { group in
            for runner in leftovers { group.addTask { await attend(runner) } }
            group.addTask { await beat() }
            group.addTask { await listen() }
            for await _ in wake {
                while let runner = await claimIfFree() { group.addTask { await attend(runner) } }
            }
            group.cancelAll()
        }
        await sayGoodbye()
    }

    // MARK: - Jobs

    /// The jobs that an earlier process left.
    private func adopt() -> [JobRunner] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: host.jobs)) ?? []
        return names.sorted().compactMap { name in
            guard let job = JobID(name) else { return nil }
            do {
                let runner = try JobRunner(leftIn: host.folder(of: job), host: host)
                if runner == nil { logger.warning("nothing is known of the job in \(host.folder(of: job).path)") }
                return runner
            } catch {
                logger.error("the job in \(host.folder(of: job).path) can't be taken up: \(error)")
                return nil
            }
        }
    }

    private func attend(_ runner: JobRunner) async {
        await runner.run()
        // One that was let go of is still ours: the goodbye must name its lease.
        guard !Task.isCancelled else { return }
        await roster.remove(runner)
        // A slot is free.
        waker.yield()
    }

    /// One claim, where a slot is free and there is an engine to run with.
    private func claimIfFree() async -> JobRunner? {
        guard !Task.isCancelled, await roster.count < configuration.slots else { return nil }
        guard await !host.engines.find().isEmpty else { return nil }
        do {
            return try await turnstile.pass {
                guard let order = try await host.trellis.claim() else { return nil }
                // An earlier claim of the same job, lost before its start: it ends by itself.
                if let earlier = await roster[order.jobId], await !earlier.progress.done.contains(.start) {
                    await earlier.loseLease()
                    await roster.awaitDeparture(of: order.jobId)
                }
                let runner = try JobRunner(order, host: host)
                await roster.add(runner)
                return runner
            }
        } catch is CancellationError {
            return nil
        } catch {
            // The next heartbeat tells Trellis that we do not have what it may have given.
            logger.warning("claiming: \(error)")
            return nil
        }
    }

    // MARK: - Heartbeats

    private func beat() async {
        while !Task.isCancelled {
            do {
                let reply = try await turnstile.pass {
                    let heartbeat = await heartbeat()
                    let sent = host.ambient.now()
                    let reply = try await host.trellis.heartbeat(heartbeat)
                    clock.learn(serverNow: reply.serverNow, sent: sent, received: host.ambient.now())
                    return reply
                }
                for job in reply.stop { await roster[job]?.cancel() }
                for job in reply.kill ?? [] { await roster[job]?.kill() }
                for lease in reply.lost {
                    if let runner = await roster[lease.jobId], runner.lease == lease { await runner.loseLease() }
                }
                if reply.work { waker.yield() }
            } catch is CancellationError { return } catch { logger.warning("heartbeat: \(error)") }
            do { try await host.pacing.pause(configuration.heartbeatEvery) } catch { return }
        }
    }

    private func heartbeat(draining: Bool = false) async -> Heartbeat {
        Heartbeat(
            version: configuration.version, slots: configuration.slots, draining: draining,
            engines: await host.engines.find().map(\.engine), runRoot: configuration.runRoot,
            leases: await roster.leases)
    }

    /// Trellis shows at once that nothing more is claimed here; it is no harm if this is not heard.
    private func sayGoodbye() async {
        let last = await heartbeat(draining: true)
        // In a task of its own: this one is cancelled.
        let farewell = Task { try await host.trellis.heartbeat(last) }
        let limit = Task {
            try await host.pacing.pause(.seconds(2))
            farewell.cancel()
        }
        _ = await farewell.result
        limit.cancel()
    }

    // MARK: - Events

    private func listen() async {
        var backoff = Backoff(ambient: host.ambient)
        while !Task.isCancelled {
            let began = host.ambient.now()
            do {
                try await host.trellis.follow { signal in
                    switch signal {
                    case .connected, .work: waker.yield()
                    case .stop(let job): Task { await roster[job]?.cancel() }
                    case .kill(let job): Task { await roster[job]?.kill() }
                    }
                }
                logger.debug("the event stream ended")
            } catch is CancellationError { return } catch { logger.debug("event stream: \(error)") }
            // A stream that stood for a while was cut by something in between; one that never stands must not be
            // asked for over and over.
            if host.ambient.now().milliseconds(since: began) > 10_000 { backoff.reset() }
            do { try await host.pacing.pause(backoff.next()) } catch { return }
        }
    }
}
