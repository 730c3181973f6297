import Domain
import Synchronization

/// Estimates Trellis' clock from heartbeats.
final class ServerClock: Sendable {
    private struct Measured {
        var offset: Int64
        var roundTrip: Int64
    }

    private let measured = Mutex<Measured?>(nil)

    /// Milliseconds that Trellis' clock is ahead of ours; 0 before the first heartbeat.
    var offset: Int64 { measured.withLock { $0?.offset ?? 0 } }

    /// Records a response that was created at `serverNow`, somewhere between `sent` and `received`.
    ///
    /// The faster of two measurements is better; a slow one counts only if the clocks clearly diverged.
    func learn(serverNow: Timestamp, sent: Timestamp, received: Timestamp) {
        let roundTrip = received.milliseconds(since: sent)
        guard roundTrip >= 0 else { return }
        let offset = serverNow.milliseconds(since: sent.advanced(by: roundTrip / 2))
        measured.withLock { measured in
            if let known = measured, roundTrip > known.roundTrip, abs(offset - known.offset) <= roundTrip {
                // Measurements age, so an early lucky one does not last.
                measured?.roundTrip += 1
                return
            }
            measured = Measured(offset: offset, roundTrip: roundTrip)
        }
    }

    /// The moment on Trellis' clock.
    func corrected(_ moment: Timestamp) -> Timestamp { moment.advanced(by: offset) }
}
