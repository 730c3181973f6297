package import Domain

/// A lock that the vine no longer has.
package enum ReleasedLock: Hashable, Sendable {
    case released
    /// Taken from its holder by an operator.
    case broken
}

/// Who may lock a state.
package enum LockRules {
    /// Whether `wanted` is held already (true) or may be granted (false).
    package static func isHeld(_ wanted: StateLock, current: StateLock?, past: ReleasedLock?) throws(Refusal) -> Bool {
        if let current {
            guard current.id == wanted.id, current.job == wanted.job else { throw .locked(by: current.holder) }
            return true
        }
        // Versions under a broken lock are kept as superseded; granting the ID again would make them look current.
        guard past != .broken else { throw Refusal(.locked, "This lock was broken by an operator; request a new one.") }
        return false
    }
}

/// Where a version of a state goes.
package enum StateDisposition: Hashable, Sendable {
    /// It is stored already.
    case stored(StateVersion)
    /// It becomes the vine's newest state.
    case newest
    /// It is kept, but is not the vine's state.
    case superseded

    /// - Parameters:
    ///   - newest: the newest version that is not superseded.
    ///   - past: the former lock `lockID`, if any.
    package static func decide(
        position: StatePosition, sha256: String, lockID: String?, newest: StateVersion?, lock: StateLock?,
        past: ReleasedLock?
    ) throws(Refusal) -> StateDisposition {
        if lock == nil || lock?.id != lockID {
            // A late version must neither overwrite later versions nor be lost.
            if past == .broken || past == .released && lock != nil { return .superseded }
            if let lock { throw .locked(by: lock.holder) }
        }
        guard let newest else { return .newest }
        if newest.sha256 == sha256 { return .stored(newest) }
        guard newest.position.lineage == position.lineage else {
            throw Refusal(.conflict, "The state's lineage differs from the vine's (\(newest.position.lineage)).")
        }
        guard position.serial >= newest.position.serial else {
            throw Refusal(
                .conflict,
                "The state's serial \(position.serial) is lower than the newest one's "
                    + "(\(newest.position.serial)).")
        }
        return .newest
    }
}
