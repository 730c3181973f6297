import Domain

extension VineSecrets {
    /// Every text that must not be seen. What is shorter than ``VineSecrets/minimumLength`` can't be masked.
    var texts: [String] { leaves.map(\.text) }
}
