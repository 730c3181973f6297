/// Names of environment entries that no vine may set. They would defeat what Vintner promises: that the state and the plan
/// are the ones it stores, that a job reaches nothing of the Tendril, and that an engine runs what the vine holds.
///
/// `docs/operations.md` lists them. Trellis checks a vine when it is saved, and the Tendril once more before it runs
/// anything: a vine may have been stored by an earlier version.
public enum EnvironmentRules {
    /// A sentence that says why `name` is refused, and what to use in its place; nil for a name that may be set.
    public static func refusal(of name: String) -> String? {
        reason(name).map { "Environment name \"\(name.shortened(toBytes: 80))\" is reserved: \($0)" }
    }

    /// The same for the first of `names`, in order.
    public static func refusal(of names: some Sequence<String>) -> String? {
        for name in names.sorted() {
            if let sentence = refusal(of: name) { return sentence }
        }
        return nil
    }

    /// True for a name that an operator may not pass from the Tendril's environment either. Those that say where the
    /// engine finds its tools, its own configuration and its temporary files are the operator's.
    public static func isRefusedForOperator(_ name: String) -> Bool {
        !operators.contains(name) && reason(name) != nil
    }

    private static let operators: Set<String> = [
        "PATH", "HOME", "TMPDIR", "TF_CLI_CONFIG_FILE", "TERRAFORM_CONFIG", "TF_PLUGIN_CACHE_DIR",
        "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "XDG_DATA_HOME",
        "XDG_DATA_DIRS",
    ]

    private static func reason(_ name: String) -> String? {
        if let reason = reasons[name] { return reason }
        if harmless.contains(name) { return nil }
        return prefixes.first { name.hasPrefix($0.prefix) }?.reason
    }

    /// Begin with a refused prefix, and change only how a program prints.
    private static let harmless: Set<String> = [
        "PYTHONUNBUFFERED", "PYTHONIOENCODING", "PYTHONUTF8", "PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED",
    ]

    private static let own = "it is Vintner's own."
    private static let loader = "it makes programs load code that is not part of the vine."
    private static let system = "the Tendril sets it."
    private static let arguments =
        "it adds arguments to every command, and can move the state or the plan away. Use the run options of a job: "
        + "targets, replace, refresh_only, parallelism, log_level."

    private static let prefixes: [(prefix: String, reason: String)] = [
        ("TENDRIL_", own), ("TRELLIS_", own), ("VINTNER_", own), ("TF_CLI_ARGS", arguments),
        ("TF_STATE_PERSIST", "it changes how often the state is written."), ("LD_", loader), ("DYLD_", loader),
        ("PYTHON", loader), ("PERL5", loader), ("BASH_FUNC_", loader),
    ]

    private static let reasons: [String: String] = {
        var reasons: [String: String] = [
            "TF_CLI_CONFIG_FILE": "the engine's own configuration is the Tendril's.",
            "TERRAFORM_CONFIG": "the engine's own configuration is the Tendril's.",
            "TF_REATTACH_PROVIDERS": "it replaces providers by programs that run already.",
            "TF_DISABLE_PLUGIN_TLS": "it lets other programs talk to the providers.",
            "TF_LOG_PATH":
                "it writes the engine's log into a file. Use the run option log_level: the log is the job's.",
            "TF_DATA_DIR": "the Tendril reads what the engine keeps there.",
            "TF_WORKSPACE":
                "Vintner keeps one state per vine. Make a vine per workspace, or name the workspace in the backend block.",
            "TF_FORCE_LOCAL_BACKEND": "it moves the state away from its backend.",
            "TF_PLUGIN_CACHE_DIR": "the plugin cache is the Tendril's.",
            "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE": "the plugin cache is the Tendril's.",
        ]
        for name in [
            "BASH_ENV", "ENV", "BASHOPTS", "SHELLOPTS", "IFS", "PS4", "PROMPT_COMMAND", "ZDOTDIR", "GCONV_PATH",
            "GETCONF_DIR", "GLIBC_TUNABLES", "HOSTALIASES", "LOCPATH", "MALLOC_TRACE", "NLSPATH", "RESOLV_HOST_CONF",
            "PERLLIB", "RUBYOPT", "RUBYLIB", "NODE_OPTIONS", "NODE_PATH", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS",
            "JDK_JAVA_OPTIONS", "GIT_EXEC_PATH",
        ] { reasons[name] = loader }
        for name in ["PATH", "HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "XDG_DATA_HOME", "XDG_DATA_DIRS"] {
            reasons[name] = system
        }
        return reasons
    }()
}
