public import Domain
public import Foundation

/// Terraform's lock information (`statemgr.LockInfo`), as its `http` backend sends it: capital names.
///
/// `LOCK` and `UNLOCK` (or `POST` and `DELETE`) on `/api/vines/{id}/lock` take it. The `ID` of a job's lock is
/// ``id(for:)``; all other fields are informational.
public struct LockInfo: Codable, Sendable {
    public var ID: String
    public var Operation: String?
    public var Info: String?
    public var Who: String?
    public var Version: String?
    public var Created: String?
    public var Path: String?

    public init(ID: String, Operation: String? = nil, Info: String? = nil, Who: String? = nil, Created: String? = nil) {
        self.ID = ID
        self.Operation = Operation
        self.Info = Info
        self.Who = Who
        self.Created = Created
    }

    /// Uses Terraform's capitalized field names.
    public func encoded() throws -> Data { Data(try JSONValue(encoding: self).bytes) }

    /// - Throws: ``WireError`` for a body that is not valid lock information.
    public static func decoded(from data: Data) throws -> LockInfo {
        do { return try JSONValue(parsing: data).decoded() } catch let error as JSONError {
            throw WireError(error)
        } catch let error as DecodingError {
            throw WireError(error)
        }
    }

    /// The lock id of a job's lease: `JOB:EPOCH`.
    public static func id(for lease: Lease) -> String { "\(lease.job):\(lease.epoch)" }
}
