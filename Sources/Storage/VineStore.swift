public import Domain

/// Vines and their sealed secrets.
public protocol VineStore: Sendable {
    /// - Throws: ``Refusal`` `.conflict` for an id that is taken.
    func createVine(_ vine: Vine, secrets: VineSecrets) async throws

    /// nil where there is none, or it was deleted.
    func vine(_ id: VineID) async throws -> Vine?

    func vineSecrets(_ id: VineID) async throws -> VineSecrets

    /// Vines, newest first; `text` matches a part of project or stage, whatever the case.
    func vines(text: String?, limit: Int, cursor: String?) async throws -> Page<Vine>

    /// Stores new settings and secrets under the next revision.
    /// - Throws: ``Refusal`` `.conflict` where `vine.revision` is not the stored one (somebody else was faster);
    ///   `.notFound`.
    func updateVine(_ vine: Vine, secrets: VineSecrets) async throws -> Vine

    /// Hides the vine; its jobs and state versions stay.
    /// - Throws: ``Refusal`` `.conflict` while a job of it is QUEUED or active, or its state is locked; `.notFound`.
    func deleteVine(_ id: VineID, at now: Timestamp) async throws
}
