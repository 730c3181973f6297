import CoreMetrics
import Prometheus
import Testing

@Suite struct PrometheusRegistryTests {
    private func registry() -> PrometheusRegistry {
        PrometheusRegistry([
            MetricFamily("app_jobs_total", .counter, "Jobs that ended.", initial: [[("type", "PLAN")]]),
            MetricFamily("app_wait_seconds", .histogram([0.1, 0.5, 2]), "Seconds \\ until\na start."),
            MetricFamily("app_unused", .gauge, "Never set."),
        ])
    }

    @Test func countersCountPerSetOfLabels() {
        let registry = registry()
        for type in ["DEPLOY", "DEPLOY", "a\"b\\c\nd"] {
            Counter(label: "app_jobs_total", dimensions: [("type", type)], factory: registry).increment()
        }
        #expect(
            registry.text() == """
                # HELP app_jobs_total Jobs that ended.
                # TYPE app_jobs_total counter
                app_jobs_total{type="DEPLOY"} 2
                app_jobs_total{type="PLAN"} 0
                app_jobs_total{type="a\\"b\\\\c\\nd"} 1

                """)
    }

    @Test func aHistogramAddsItsBucketsUp() {
        let registry = registry()
        let timer = Timer(label: "app_wait_seconds", dimensions: [("on", "x")], factory: registry)
        // A bound belongs to its bucket.
        for milliseconds in [50, 100, 400, 1999, 5000] { timer.recordMilliseconds(milliseconds) }
        let text = registry.text()
        #expect(text.contains("# HELP app_wait_seconds Seconds \\\\ until\\na start.\n"))
        for line in [
            "app_wait_seconds_bucket{on=\"x\",le=\"0.1\"} 2", "app_wait_seconds_bucket{on=\"x\",le=\"0.5\"} 3",
            "app_wait_seconds_bucket{on=\"x\",le=\"2\"} 4", "app_wait_seconds_bucket{on=\"x\",le=\"+Inf\"} 5",
            "app_wait_seconds_sum{on=\"x\"} 7.549", "app_wait_seconds_count{on=\"x\"} 5",
        ] { #expect(text.contains(line + "\n"), "\(line)") }
    }

    @Test func gaugesAreReadAtTheMoment() {
        let registry = registry()
        Meter(label: "app_open", factory: registry).set(3)
        let text = registry.text(adding: [
            GaugeValue("app_tendrils", [("status", "ONLINE")], 2), GaugeValue("app_start", [], 1_800_000_000.25),
        ])
        #expect(text.contains("# TYPE app_open gauge\napp_open 3\n"))
        #expect(text.contains("app_tendrils{status=\"ONLINE\"} 2\n"))
        #expect(text.contains("app_start 1800000000.25\n"))
        #expect(!text.contains("app_unused"))
    }

    /// A counter that was made, used and dropped goes on where it was.
    @Test func aSeriesOutlivesItsValue() {
        let registry = registry()
        for _ in 0..<2 {
            let counter = Counter(label: "app_jobs_total", dimensions: [("type", "PLAN")], factory: registry)
            counter.increment(by: 2)
            counter.destroy()
        }
        #expect(registry.text().contains("app_jobs_total{type=\"PLAN\"} 4\n"))
    }

    @Test func seriesAreBounded() {
        let registry = registry()
        for n in 0...PrometheusRegistry.maximumSeries {
            Counter(label: "app_many_total", dimensions: [("n", "\(n)")], factory: registry).increment()
        }
        let lines = registry.text().split(separator: "\n").filter { $0.hasPrefix("app_many_total") }
        #expect(lines.count == PrometheusRegistry.maximumSeries)
    }
}
