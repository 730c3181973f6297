public import Domain
import Foundation

/// What a Tendril is started with.
public struct TendrilConfiguration: Sendable {
    /// Trellis' address: `https://trellis.example`.
    public var trellisURL: String
    public var id: TendrilID
    /// Never shown, logged, or given to an engine.
    public var token: String
    /// Vintner's version.
    public var version: String
    /// The Tendril's own folder; one Tendril at a time.
    public var workDir: String
    /// The folder under which the vines' working folders lie. Tendrils of one machine share it, so that each can apply
    /// what another planned.
    public var runRoot: String
    /// Jobs at a time; at least 1.
    public var slots = 1
    /// Folders to look for engines in, before the PATH.
    public var engineFolders: [String] = []
    /// Names of the Tendril's environment that engines get besides the usual ones.
    public var passEnvironment: [String] = []
    /// As whom engines run; nil for the Tendril's own user.
    public var runAs: EngineUser?
    /// Allow `file:` URLs for git sources, for tests.
    public var allowFileGit = false
    /// How long one git command may take. Finding a branch may take a minute of it.
    public var gitTimeout = Duration.seconds(600)
    /// The steps of a cancel: how long after the first SIGINT the second comes, and SIGKILL after that.
    public var secondInterruptAfter = Duration.seconds(300)
    public var killAfter = Duration.seconds(60)
    /// Bytes of engines' output of one job that may wait to be shipped; beyond it, the middle is dropped.
    public var unshippedLimit: Int64 = 2 << 30
    /// Bytes of a saved plan.
    public var artifactLimit = 64 << 20
    /// How long a job waits for a lock that someone else holds.
    public var lockPatience = Duration.seconds(600)
    /// The heartbeat interval.
    public var heartbeatEvery = Duration.seconds(10)

    public init(
        trellisURL: String, id: TendrilID, token: String, version: String, workDir: String, runRoot: String
    ) {
        self.trellisURL = trellisURL
        self.id = id
        self.token = token
        self.version = version
        self.workDir = Self.absolute(workDir)
        self.runRoot = Self.absolute(runRoot)
    }

    private static func absolute(_ path: String) -> String { URL(fileURLWithPath: path).standardizedFileURL.path }
}

extension TendrilConfiguration: CustomStringConvertible, CustomReflectable {
    public var description: String { "Tendril \(id) of \(trellisURL) in \(workDir)" }

    /// Without the token.
    public var customMirror: Mirror {
        Mirror(self, children: ["id": id.rawValue, "trellisURL": trellisURL, "workDir": workDir, "runRoot": runRoot])
    }
}

/// Why a Tendril does not start; the description is a sentence for the one who started it.
public struct TendrilStartError: Error, CustomStringConvertible, Sendable {
    public let description: String
}
