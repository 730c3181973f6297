package import Domain

/// Refusals that more than one part of a store gives.
extension Refusal {
    package static func noJob(_ id: JobID) -> Refusal { Refusal(.notFound, "There is no job \(id).") }
    package static func noVine(_ id: VineID) -> Refusal { Refusal(.notFound, "There is no vine \(id).") }
    package static func noTendril(_ id: TendrilID) -> Refusal { Refusal(.notFound, "There is no Tendril \(id).") }

    package static func badCursor() -> Refusal {
        Refusal(.invalid, "The cursor is not one of this list's; start over.")
    }

    package static func badDigest() -> Refusal {
        Refusal(.invalid, "The bytes do not have the SHA-256 that was named.")
    }

    package static func locked(by holder: String) -> Refusal {
        Refusal(.locked, "The vine's state is locked by \(holder).")
    }

    package static func noLease(of job: JobID, epoch: Int) -> Refusal {
        Refusal(.leaseLost, "Epoch \(epoch) does not hold the lease of job \(job.short).")
    }
}
