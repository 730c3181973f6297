public import Domain

/// The typed values in a path, such as the job in `/api/jobs/{id}`.
public protocol PathParameters: Sendable {
    /// Their placeholders in the path template, in order.
    static var names: [String] { get }
    /// Which values they take, in the order of ``names``.
    static var kinds: [ParameterKind] { get }
    /// What the path names, for messages such as "Job not found."
    static var noun: String { get }

    /// What the path names, where rights are granted on it or on what it belongs to.
    var resource: PathResource? { get }

    /// nil if the texts, in the order of ``names``, are not valid: such a path names nothing.
    init?(texts: [String])

    /// Their texts, in the order of ``names``.
    var values: [String] { get }
}

extension PathParameters {
    public var resource: PathResource? { nil }
}

/// Something in a path that is in a vineyard.
public enum PathResource: Hashable, Sendable {
    case job(JobID)
    case vine(VineID)
    case vineyard(VineyardID)
    case identity(CloudIdentityID)

    /// For messages such as "Job not found."
    public var noun: String {
        switch self {
        case .job: Job.noun
        case .vine: Vine.noun
        case .vineyard: Vineyard.noun
        case .identity: CloudIdentity.noun
        }
    }
}

/// A path without parameters.
public struct NoParameters: PathParameters {
    public static let names: [String] = []
    public static let kinds: [ParameterKind] = []
    public static let noun = "page"

    public let values: [String] = []

    public init() {}
    public init?(texts: [String]) {}
}

/// Something whose ID can be in a path.
public protocol PathNoun: SendableMetatype {
    static var noun: String { get }
    static func resource(_ id: Identifier<Self>) -> PathResource?
}

extension PathNoun {
    public static func resource(_ id: Identifier<Self>) -> PathResource? { nil }
}

extension Job: PathNoun {
    public static let noun = "job"
    public static func resource(_ id: JobID) -> PathResource? { .job(id) }
}
extension Vine: PathNoun {
    public static let noun = "vine"
    public static func resource(_ id: VineID) -> PathResource? { .vine(id) }
}
extension Tendril: PathNoun { public static let noun = "Tendril" }

extension Identifier: PathParameters where Noun: PathNoun {
    public static var names: [String] { ["id"] }
    public static var kinds: [ParameterKind] { [.id(Noun.noun)] }
    public static var noun: String { Noun.noun }
    public var resource: PathResource? { Noun.resource(self) }

    public init?(texts: [String]) { self.init(texts[0]) }

    public var values: [String] { [rawValue] }
}

/// A version of a vine's state.
public struct StateVersionPath: PathParameters {
    public static let names = ["id", "number"]
    public static let kinds: [ParameterKind] = [.id(Vine.noun), .number(1...Int64.max)]
    public static let noun = "version of the state"
    public var resource: PathResource? { .vine(vine) }

    public var vine: VineID
    public var number: Int

    public init(vine: VineID, number: Int) {
        self.vine = vine
        self.number = number
    }

    public init?(texts: [String]) {
        guard let vine = VineID(texts[0]), let number = Int(texts[1]) else { return nil }
        self.init(vine: vine, number: number)
    }

    public var values: [String] { [vine.rawValue, String(number)] }
}

/// A resource in a job's plan.
public struct PlanResourcePath: PathParameters {
    public static let names = ["id", "n"]
    public static let kinds: [ParameterKind] = [.id(Job.noun), .number(1...Int64.max)]
    public static let noun = "resource of the plan"
    public var resource: PathResource? { .job(job) }

    public var job: JobID
    public var n: Int

    public init(job: JobID, n: Int) {
        self.job = job
        self.n = n
    }

    public init?(texts: [String]) {
        guard let job = JobID(texts[0]), let n = Int(texts[1]), n > 0 else { return nil }
        self.init(job: job, n: n)
    }

    public var values: [String] { [job.rawValue, String(n)] }
}

/// The ID of a token, a session or a sign-in link.
public struct AccessID: PathParameters {
    public static let names = ["id"]
    public static let kinds: [ParameterKind] = [.text(maxBytes: 200)]
    public static let noun = "token, session or link"

    public var id: String

    public init(_ id: String) { self.id = id }
    public init?(texts: [String]) { self.init(texts[0]) }

    public var values: [String] { [id] }
}
