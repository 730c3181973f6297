/// How long to wait before the next try: twice as long each time, with jitter, so that many Tendrils don't knock at
/// once when Trellis is back.
struct RetryDelay: Hashable, Sendable {
    var first: Duration = .milliseconds(100)
    var longest: Duration = .seconds(10)

    /// - Parameters:
    ///   - failures: how many tries have failed in a row, from 1.
    ///   - random: from 0 to 1.
    func delay(afterFailures failures: Int, random: Double) -> Duration {
        let doubled = first * (1 << min(max(failures - 1, 0), 20))
        let ceiling = min(doubled, longest)
        return ceiling / 2 + ceiling / 2 * random
    }
}
