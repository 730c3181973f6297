import Foundation
import Wire

extension TendrilEvent {
    /// What an event of the stream means; nil for one that is not known here.
    init?(_ event: EventStreamParser.Event) {
        switch event.name {
        case WorkerEvent.work: self = .work
        case WorkerEvent.stop:
            guard let stop = try? WireJSON.decode(StopMessage.self, from: Data(event.data.utf8)) else { return nil }
            self = stop.kill == true ? .kill(stop.jobId) : .stop(stop.jobId)
        default: return nil
        }
    }
}
