package import Domain

/// Refusals that more than one part of a store gives.
extension Refusal {
    package static func noJob(_ id: JobID) -> Refusal { Refusal(.notFound, "Job \(id) not found.") }
    package static func noVine(_ id: VineID) -> Refusal { Refusal(.notFound, "Vine \(id) not found.") }
    package static func noTendril(_ id: TendrilID) -> Refusal { Refusal(.notFound, "Tendril \(id) not found.") }

    package static func badCursor() -> Refusal {
        Refusal(.invalid, "Invalid cursor. Start from the first page.")
    }

    package static func badDigest() -> Refusal {
        Refusal(.invalid, "The content does not match its SHA-256.")
    }

    package static func locked(by holder: String) -> Refusal {
        Refusal(.locked, "The vine's state is locked by \(holder).")
    }

    package static func noLease(of job: JobID, epoch: Int) -> Refusal {
        Refusal(.leaseLost, "Epoch \(epoch) does not hold the lease of job \(job.short).")
    }
}
