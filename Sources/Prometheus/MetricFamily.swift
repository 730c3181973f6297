/// What metrics of one name have in common.
///
/// Names follow https://prometheus.io/docs/practices/naming/: base units, `_total` for counters. Labels have few
/// values: never the ID of a vine or a job.
public struct MetricFamily: Sendable {
    public enum Kind: Hashable, Sendable {
        case counter
        case gauge
        /// Seconds, in buckets up to these bounds, in ascending order.
        case histogram([Double])

        var name: String {
            switch self {
            case .counter: "counter"
            case .gauge: "gauge"
            case .histogram: "histogram"
            }
        }
    }

    public var name: String
    public var kind: Kind
    /// One sentence for people.
    public var help: String
    /// Series that exist from the start, at zero, so that a first event is an increase.
    public var initial: [[(name: String, value: String)]]

    public init(
        _ name: String, _ kind: Kind, _ help: String, initial: [[(name: String, value: String)]] = []
    ) {
        self.name = name
        self.kind = kind
        self.help = help
        self.initial = initial
    }
}
