internal import Crypto
internal import CryptoExtras
internal import Domain
internal import Foundation

/// A password as it is stored: scrypt (RFC 7914) with its parameters and a random salt, as `scrypt:N:r:p:SALT:KEY`.
struct PasswordHash: Hashable, Sendable {
    /// What an attempt costs: 32 MiB of memory, three times.
    struct Cost: Hashable, Sendable {
        var rounds = 1 << 15
        var blockSize = 8
        var parallelism = 3

        /// More than this is not computed, whatever the database says.
        static let limit = 1 << 20
    }

    static let lengths = 12...256

    private let cost: Cost
    private let salt: Data
    private let key: Data

    /// - Throws: ``Refusal`` `.invalid` for a password that is too short or too long.
    static func check(_ password: String) throws(Refusal) {
        guard lengths.contains(password.unicodeScalars.count), password.utf8.count <= 4 * lengths.upperBound else {
            throw Refusal(.invalid, "A password has \(lengths.lowerBound) to \(lengths.upperBound) characters.")
        }
    }

    /// Takes long: call it on ``Passwords``.
    init(_ password: String, cost: Cost, ambient: SystemDependencies) throws {
        self.cost = cost
        salt = Data(ambient.randomBytes(16))
        key = try Self.derive(password, salt, cost)
    }

    /// nil for a text that is not a stored password.
    init?(encoded: String) {
        let parts = encoded.split(separator: ":")
        guard parts.count == 6, parts[0] == "scrypt", let rounds = Int(parts[1]), let blockSize = Int(parts[2]),
            let parallelism = Int(parts[3]), let salt = Data(base64Encoded: String(parts[4])),
            let key = Data(base64Encoded: String(parts[5])), key.count == 32, !salt.isEmpty,
            rounds > 1, rounds & (rounds - 1) == 0, (1...32).contains(blockSize), (1...16).contains(parallelism),
            rounds <= Cost.limit / blockSize
        else { return nil }
        cost = Cost(rounds: rounds, blockSize: blockSize, parallelism: parallelism)
        self.salt = salt
        self.key = key
    }

    var encoded: String {
        "scrypt:\(cost.rounds):\(cost.blockSize):\(cost.parallelism):\(salt.base64EncodedString())"
            + ":\(key.base64EncodedString())"
    }

    /// Takes long: call it on ``Passwords``.
    func matches(_ password: String) -> Bool {
        guard let found = try? Self.derive(password, salt, cost) else { return false }
        return Credentials.isSame(found, key)
    }

    private static func derive(_ password: String, _ salt: Data, _ cost: Cost) throws -> Data {
        // The same password may be typed in different compositions of its characters.
        let text = Data(password.precomposedStringWithCompatibilityMapping.utf8)
        let key = try KDF.Scrypt.deriveKey(
            from: text, salt: salt, outputByteCount: 32, rounds: cost.rounds, blockSize: cost.blockSize,
            parallelism: cost.parallelism)
        return key.withUnsafeBytes { Data($0) }
    }
}

/// Computes and checks passwords on threads of their own, a few at a time.
final class Passwords: Sendable {
    private let cost: PasswordHash.Cost
    private let ambient: SystemDependencies
    private let waiting = ConcurrencyLimit()
    /// What an unknown name is checked against, so that it takes as long as a known one.
    private let decoy: PasswordHash?

    /// How many may wait or be computed; more are told to come back.
    static let limit = 32

    init(cost: PasswordHash.Cost = .init(), ambient: SystemDependencies) {
        self.cost = cost
        self.ambient = ambient
        let key = Data(ambient.randomBytes(32)).base64EncodedString()
        let salt = Data(ambient.randomBytes(16)).base64EncodedString()
        decoy = PasswordHash(encoded: "scrypt:\(cost.rounds):\(cost.blockSize):\(cost.parallelism):\(salt):\(key)")
    }

    /// What to store of `password`. - Throws: ``Refusal``.
    func encode(_ password: String) async throws -> String {
        try PasswordHash.check(password)
        return try await run { [cost, ambient] in
            try PasswordHash(password, cost: cost, ambient: ambient).encoded
        }
    }

    /// Whether `password` is the stored one; false, after the same work, if none is stored.
    func matches(_ password: String, _ encoded: String?) async throws -> Bool {
        // What is longer than a password can be is not one, and costs more to hash.
        let text = String(password.prefix(PasswordHash.lengths.upperBound + 1))
        let stored = encoded.flatMap(PasswordHash.init(encoded:))
        let isMatch = try await run { [decoy] in (stored ?? decoy)?.matches(text) ?? false }
        return stored != nil && isMatch
    }

    private func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        guard let slot = waiting.take("", limit: Self.limit) else {
            throw Refusal(.tooMany, "Too many people sign in at this moment. Try again in a few seconds.")
        }
        defer { slot.release() }
        return try await WorkPool.passwords.run(body)
    }
}
