import Domain
import Logging
import Wire

/// Sees the lines of a job's log after they were stored.
protocol LogObserver: Sendable {
    /// The log is read from its beginning again.
    func restart() async
    /// - Parameter firstLine: the number of the first line in the job's log; nil if it is not known.
    func take(_ chunks: [UnnumberedChunk], firstLine: Int64?) async
    /// All that was captured so far has been taken.
    func caughtUp() async
}

/// Tells Trellis what happens to each resource: at most once a second, and only while something changes.
///
/// Everything here is optional. It follows the log, never delays it, and gives up silently: a refusal ends it, and an
/// unreachable Trellis postpones it.
actor ResourceReporter: LogObserver {
    private static let interval = Duration.seconds(1)
    /// How often the rest is sent at the end, before the job ends without it.
    private static let lastAttempts = 3

    private let lease: LeaseMessage
    private let trellis: any TrellisClient
    private let clock: ServerClock
    private let sleeper: Sleeper
    private let backoff: Backoff

    private var tracker = ResourceTracker()
    private var sending: Task<Void, Never>?
    /// The log is being read again, so what is known is old.
    private var isReplaying = false
    private var isRefused = false

    init(
        lease: LeaseMessage, trellis: any TrellisClient, clock: ServerClock, sleeper: Sleeper = .system,
        backoff: Backoff = Backoff(first: .seconds(1), limit: .seconds(30))
    ) {
        self.lease = lease
        self.trellis = trellis
        self.clock = clock
        self.sleeper = sleeper
        self.backoff = backoff
    }

    func restart() {
        tracker = ResourceTracker()
        isReplaying = true
    }

    func take(_ chunks: [UnnumberedChunk], firstLine: Int64?) {
        guard !isRefused else { return }
        var line = firstLine
        for chunk in chunks {
            tracker.take(chunk, firstLine: line)
            line = line.map { $0 + Int64(ChunkText.lineCount(of: chunk.text)) }
        }
        if firstLine != nil { isReplaying = false }
        startSending()
    }

    func caughtUp() {
        isReplaying = false
        startSending()
    }

    /// Nothing more comes. Sends the rest, if that works at once.
    func finish() async {
        sending?.cancel()
        await sending?.value
        tracker.finish()
        var attempts = 0
        while !isRefused, tracker.hasChanges, attempts < Self.lastAttempts, !Task.isCancelled {
            if await !send() { attempts += 1 }
        }
    }

    private func startSending() {
        guard sending == nil, !isReplaying, !isRefused, tracker.hasChanges else { return }
        sending = Task {
            var backoff = self.backoff
            while !Task.isCancelled, !isRefused, tracker.hasChanges {
                let isSent = await send()
                if isSent { backoff.reset() }
                // A change that comes during the pause goes with the next message.
                do { try await sleeper.sleep(isSent ? Self.interval : backoff.next()) } catch { break }
            }
            sending = nil
        }
    }

    /// - Returns: false if it must be sent again.
    private func send() async -> Bool {
        let items = tracker.takeChanges(
            upTo: ReportResourcesRequest.maximumItems, bytes: ReportResourcesRequest.itemBytes)
        do {
            try await trellis.report(
                ReportResourcesRequest(epoch: lease.epoch, items: items.map(onServerTime)), job: lease.jobId)
            return true
        } catch let error as TrellisCallError where !error.isTransient && !error.isUnauthorised {
            isRefused = true
            return true
        } catch {
            tracker.putBack(items)
            return false
        }
    }

    private func onServerTime(_ resource: RunResource) -> RunResource {
        var resource = resource
        resource.startedAt = resource.startedAt.map(clock.corrected)
        resource.endedAt = resource.endedAt.map(clock.corrected)
        resource.parts = resource.parts?.map { part in
            var part = part
            part.startedAt = part.startedAt.map(clock.corrected)
            part.endedAt = part.endedAt.map(clock.corrected)
            return part
        }
        return resource
    }
}
