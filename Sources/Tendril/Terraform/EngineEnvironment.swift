import Domain

/// The environment that an engine gets: an allowlist, without the Tendril's own variables.
///
/// A pure function of what is given; later entries in ``forVine(_:secrets:metadataFile:)`` win.
struct EngineEnvironment: Sendable {
    /// The Tendril's own environment.
    var own: [String: String]
    /// Additional variables that the operator allows.
    var passed: [String] = []
    /// The plugin cache, unless the Tendril's own environment names one.
    var pluginCache: String?
    /// Says whether a file is there: a `TF_CLI_CONFIG_FILE` that is not makes every command warn.
    var fileExists: @Sendable (String) -> Bool

    private static let names: Set<String> = [
        "PATH", "HOME", "TMPDIR", "LANG", "CHECKPOINT_DISABLE", "TF_PLUGIN_CACHE_DIR", "TF_CLI_CONFIG_FILE",
    ]

    /// What every engine and helper gets: nothing of a vine in it.
    var base: [String: String] {
        var entries = own.filter { name, _ in
            Self.names.contains(name) || name.hasPrefix("SSL_CERT_") || name.uppercased().hasSuffix("_PROXY")
                || passed.contains(name) && !EnvironmentRules.isRefusedForOperator(name)
        }
        if let pluginCache, entries["TF_PLUGIN_CACHE_DIR"] == nil { entries["TF_PLUGIN_CACHE_DIR"] = pluginCache }
        return cleaned(entries)
    }

    func forVine(
        _ settings: VineSettings, secrets: [String: String], metadataFile: String, logLevel: RunOptions.LogLevel? = nil
    ) -> [String: String] {
        var entries = base
        if let region = settings.region, !region.isEmpty {
            for name in ["AWS_REGION", "AWS_DEFAULT_REGION", "GOOGLE_REGION"] { entries[name] = region }
        }
        // The job of a vine that has such a name fails before this; none gets through in any case.
        let vines = settings.environment.merging(secrets) { _, secret in secret }
        entries.merge(vines.filter { EnvironmentRules.refusal(of: $0.key) == nil }) { _, vines in vines }
        if let logLevel { entries["TF_LOG"] = logLevel.rawValue }
        entries["TF_IN_AUTOMATION"] = "1"
        entries["TF_INPUT"] = "0"
        entries["VINTNER_METADATA_FILE"] = metadataFile
        // Where the engine keeps its data is known to the job runner, which reads there.
        entries["TF_DATA_DIR"] = nil
        return cleaned(entries)
    }

    private func cleaned(_ entries: [String: String]) -> [String: String] {
        entries.filter { name, value in
            guard !name.isEmpty, !name.contains("="), !name.utf8.contains(0), !value.utf8.contains(0) else {
                return false
            }
            guard !name.hasPrefix("TENDRIL_"), !name.hasPrefix("TRELLIS_") else { return false }
            return name != "TF_CLI_CONFIG_FILE" || fileExists(value)
        }
    }
}
