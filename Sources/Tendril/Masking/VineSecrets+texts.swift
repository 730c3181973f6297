import Domain

extension VineSecrets {
    /// Every text to mask. What is shorter than ``VineSecrets/minimumLength`` can't be masked.
    var texts: [String] { leaves.map(\.text) }
}
