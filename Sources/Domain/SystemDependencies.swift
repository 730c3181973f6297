/// Time and randomness, passed in so that code stays testable.
///
/// Passed in everywhere, so that a test can stop the clock and predict IDs.
public struct SystemDependencies: Sendable {
    /// The wall clock, in UTC.
    public var now: @Sendable () -> Timestamp
    /// `count` bytes from a cryptographically secure source.
    public var randomBytes: @Sendable (_ count: Int) -> [UInt8]

    public init(
        now: @escaping @Sendable () -> Timestamp,
        randomBytes: @escaping @Sendable (_ count: Int) -> [UInt8]
    ) {
        self.now = now
        self.randomBytes = randomBytes
    }

    /// A new random id.
    public func makeID<Noun>(_: Noun.Type = Noun.self) -> Identifier<Noun> {
        Identifier(randomBytes: randomBytes(16))
    }
}

extension SystemDependencies {
    /// The machine's own clock and random source.
    public static let system = SystemDependencies(
        now: { Timestamp.systemNow() },
        randomBytes: { count in
            var generator = SystemRandomNumberGenerator()
            return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        }
    )
}
