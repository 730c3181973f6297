import Crypto
import Domain
import Foundation
import SystemCalls

/// Uploads each version of a running engine's state file and makes sure that the last one
/// arrives.
actor StateUploader {
    /// How it all ended.
    enum Result: Hashable, Sendable {
        /// The file is stored, or does not exist.
        case stored
        /// It can't be stored, for this reason; the file must be kept.
        case unstored(path: String, reason: String)
    }

    private let folder: String
    private let vine: VineID
    private let lockID: String
    private let trellis: any TrellisClient
    private let sleeper: Sleeper
    private let ambient: SystemDependencies
    /// Called with each version that Trellis took, and its SHA-256.
    private let stored: @Sendable (StatePosition, String) async -> Void

    private var lastSeen: Files.Fingerprint?
    /// The SHA-256 of what Trellis has.
    private var lastStored: String?

    init(
        folder: String, vine: VineID, lockID: String, alreadyStored: String?, trellis: any TrellisClient,
        sleeper: Sleeper, ambient: SystemDependencies, stored: @escaping @Sendable (StatePosition, String) async -> Void
    ) {
        self.folder = folder
        self.vine = vine
        self.lockID = lockID
        lastStored = alreadyStored
        self.trellis = trellis
        self.sleeper = sleeper
        self.ambient = ambient
        self.stored = stored
    }

    private var file: String { folder + "/terraform.tfstate" }

    /// Uploads new versions until canceled. Failures are retried later: nothing
    /// here may disturb the engine.
    func watch() async {
        var backoff = Backoff(limit: .seconds(30), dependencies: ambient)
        while !Task.isCancelled {
            var wait = Duration.milliseconds(250)
            do {
                let fingerprint = Files.fingerprint(file)
                if fingerprint != nil, fingerprint != lastSeen {
                    if try await shipIfWhole(file) { lastSeen = fingerprint }
                }
                backoff.reset()
            } catch is CancellationError { return } catch { wait = backoff.next() }
            do { try await sleeper.sleep(wait) } catch { return }
        }
    }

    /// After the engine has exited, stores the file, however long it takes.
    ///
    /// - Throws: `CancellationError`, and file problems.
    func settle() async throws -> Result {
        let path = newest()
        guard let data = try Files.read(path), !data.isEmpty else { return .stored }
        guard StateReader.position(of: data) != nil else {
            // Killed during a write; the last stored version is the newest readable one.
            return .unstored(path: path, reason: "the state file is incomplete")
        }
        var backoff = Backoff(limit: .seconds(30), dependencies: ambient)
        while true {
            do {
                // Even if stored before: the database may have been restored from a backup.
                _ = try await shipIfWhole(path, evenIfStored: true)
                return .stored
            } catch let error as TrellisCallError {
                guard error.isTransient || error.isUnauthorised || error.kind == .malformed else {
                    return .unstored(path: path, reason: error.sentence)
                }
                try await sleeper.sleep(backoff.next())
            }
        }
    }

    /// Terraform leaves the state in `errored.tfstate` if it could not write it to its place.
    private func newest() -> String {
        let errored = folder + "/errored.tfstate"
        guard let rescued = try? Files.read(errored), let position = StateReader.position(of: rescued) else {
            return file
        }
        let regular = (try? Files.read(file)).flatMap { $0.flatMap(StateReader.position) }
        return regular.map { position.serial > $0.serial } ?? true ? errored : file
    }

    /// False if the file is not (yet) a whole state.
    private func shipIfWhole(_ path: String, evenIfStored: Bool = false) async throws -> Bool {
        guard let data = try Files.read(path), let position = StateReader.position(of: data) else { return false }
        let digest = Self.digest(of: data)
        guard digest != lastStored || evenIfStored else { return true }
        try await trellis.storeState(data, of: vine, lockID: lockID)
        guard digest != lastStored else { return true }
        lastStored = digest
        await stored(position, digest)
        return true
    }

    /// The digest under which a state counts as stored.
    static func digest(of state: Data) -> String { SHA256.hash(data: state).hexadecimal }
}
