public import CoreMetrics
internal import Synchronization

/// A backend of swift-metrics that a Prometheus server can read.
///
/// Counters, meters and timers of a family are its series, one per set of labels. A recorder is a gauge of its last
/// value.
public final class PrometheusRegistry: MetricsFactory {
    /// Series that one family may have; further ones are not counted. Labels come from the program, so this only bounds
    /// a mistake.
    public static let maximumSeries = 2000

    private struct Family {
        var about: MetricFamily
        var series: [String: Series] = [:]
    }

    private let families: Mutex<[String: Family]>

    /// - Parameter families: those that have a help text and buckets. A metric of another name gets neither.
    public init(_ families: [MetricFamily]) {
        self.families = Mutex(
            Dictionary(uniqueKeysWithValues: families.map { ($0.name, Family(about: $0)) }))
        for family in families {
            for labels in family.initial { _ = series(family.name, labels, or: family.kind) }
        }
    }

    private func series(
        _ name: String, _ labels: [(name: String, value: String)], or kind: MetricFamily.Kind
    ) -> Series {
        let key = MetricsText.labels(labels)
        return families.withLock { families in
            var family = families[name] ?? Family(about: MetricFamily(name, kind, ""))
            if let series = family.series[key] { return series }
            let series = Series(bounds: family.about.kind.bounds)
            if family.series.count < Self.maximumSeries { family.series[key] = series }
            families[name] = family
            return series
        }
    }

    /// All metrics in the text format, version 0.0.4:
    /// https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
    ///
    /// - Parameter gauges: further values, which are read at this moment.
    public func text(adding gauges: [GaugeValue] = []) -> String {
        var text = MetricsText()
        let own = families.withLock { families in
            families.mapValues { family in (family.about, family.series.mapValues(\.value)) }
        }
        let read = Dictionary(grouping: gauges, by: \.name)
        for name in Set(own.keys).union(read.keys).sorted() {
            let about = own[name]?.0 ?? MetricFamily(name, .gauge, "")
            let values = read[name] ?? []
            guard own[name]?.1.isEmpty == false || !values.isEmpty else { continue }
            text.begin(about)
            for (labels, value) in (own[name]?.1 ?? [:]).sorted(by: { $0.key < $1.key }) {
                text.add(name, labels: labels, value, bounds: about.kind.bounds)
            }
            for value in values { text.add(name, labels: MetricsText.labels(value.labels), value.value) }
        }
        return text.text
    }

    // MARK: - MetricsFactory

    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(label, dimensions.map { (name: $0.0, value: $0.1) }, or: .counter)
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(label, dimensions.map { (name: $0.0, value: $0.1) }, or: .gauge)
    }

    public func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        series(label, dimensions.map { (name: $0.0, value: $0.1) }, or: .gauge)
    }

    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        series(label, dimensions.map { (name: $0.0, value: $0.1) }, or: .histogram([]))
    }

    // A series stays when the value that made it goes: a counter must not begin again.
    public func destroyCounter(_ handler: any CounterHandler) {}
    public func destroyMeter(_ handler: any MeterHandler) {}
    public func destroyRecorder(_ handler: any RecorderHandler) {}
    public func destroyTimer(_ handler: any TimerHandler) {}
}

/// A gauge that is read when the metrics are asked for.
public struct GaugeValue: Sendable {
    public var name: String
    public var labels: [(name: String, value: String)]
    public var value: Double

    public init(_ name: String, _ labels: [(name: String, value: String)], _ value: Double) {
        self.name = name
        self.labels = labels
        self.value = value
    }
}

extension MetricFamily.Kind {
    var bounds: [Double] {
        if case .histogram(let bounds) = self { return bounds }
        return []
    }
}

/// One series: a counter, a gauge or a histogram.
private final class Series: CounterHandler, MeterHandler, RecorderHandler, TimerHandler {
    struct Value {
        /// The value of a counter or gauge; the sum of a histogram, in seconds.
        var sum = 0.0
        var count: UInt64 = 0
        /// Observations up to each bound and above the one before.
        var buckets: [UInt64]
    }

    private let bounds: [Double]
    private let state: Mutex<Value>

    init(bounds: [Double]) {
        self.bounds = bounds
        state = Mutex(Value(buckets: Array(repeating: 0, count: bounds.count)))
    }

    var value: Value { state.withLock { $0 } }

    func increment(by amount: Int64) { state.withLock { $0.sum += Double(max(0, amount)) } }
    func increment(by amount: Double) { state.withLock { $0.sum += amount } }
    func decrement(by amount: Double) { state.withLock { $0.sum -= amount } }
    func reset() {}

    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { state.withLock { $0.sum = value } }
    func record(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }

    func recordNanoseconds(_ duration: Int64) {
        let seconds = Double(max(0, duration)) / 1e9
        let bucket = bounds.firstIndex { seconds <= $0 }
        state.withLock { value in
            value.sum += seconds
            value.count += 1
            if let bucket { value.buckets[bucket] += 1 }
        }
    }
}

/// Writes the text format.
private struct MetricsText {
    private(set) var text = ""

    mutating func begin(_ family: MetricFamily) {
        let help = family.help.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
        text += "# HELP \(family.name) \(help)\n# TYPE \(family.name) \(family.kind.name)\n"
    }

    mutating func add(_ name: String, labels: String, _ value: Double) {
        text += "\(name)\(labels.isEmpty ? "" : "{\(labels)}") \(Self.number(value))\n"
    }

    mutating func add(_ name: String, labels: String, _ value: Series.Value, bounds: [Double]) {
        guard !bounds.isEmpty else { return add(name, labels: labels, value.sum) }
        var count: UInt64 = 0
        let prefix = labels.isEmpty ? "" : labels + ","
        for (bound, bucket) in zip(bounds, value.buckets) {
            count += bucket
            add("\(name)_bucket", labels: "\(prefix)le=\"\(Self.number(bound))\"", Double(count))
        }
        add("\(name)_bucket", labels: "\(prefix)le=\"+Inf\"", Double(value.count))
        add("\(name)_sum", labels: labels, value.sum)
        add("\(name)_count", labels: labels, Double(value.count))
    }

    static func labels(_ labels: [(name: String, value: String)]) -> String {
        labels.map { label in
            let value = label.value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
                .replacing("\n", with: "\\n")
            return "\(label.name)=\"\(value)\""
        }.joined(separator: ",")
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
    }
}
