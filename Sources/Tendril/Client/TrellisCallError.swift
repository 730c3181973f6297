import Wire

/// A failed call to Trellis. Never holds a token, nor the bodies that were sent.
struct TrellisCallError: Error, Hashable, CustomStringConvertible {
    enum Kind: Hashable {
        /// No response: the connection failed, or took too long.
        case unreachable
        /// Refused with a status.
        case refused(status: Int)
        /// Somebody else holds the lock.
        case locked(holder: String)
        /// A malformed response.
        case malformed
    }

    var kind: Kind
    /// `PUT /api/jobs/…/status`: no query, no host.
    var call: String
    /// A sentence for people: Trellis' own if it sent one.
    var sentence: String

    var description: String { "\(call): \(sentence)" }

    var status: Int? {
        if case .refused(let status) = kind { status } else { nil }
    }

    /// The job is in another state, usually canceled.
    var isConflict: Bool { status == 409 }

    /// The lease is not, or no longer, ours.
    var isLeaseLost: Bool { status == 410 }

    /// Retrying later may succeed.
    var isTransient: Bool {
        switch kind {
        case .unreachable: true
        case .refused(let status): status >= 500 || status == 429 || status == 408
        case .locked, .malformed: false
        }
    }

    /// Trellis does not know this Tendril, or its token: an operator must act, and may at any time.
    var isUnauthorised: Bool { status == 401 || status == 403 }
}
