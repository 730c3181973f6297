package import Domain

/// A position in the list of causes: open ones first, then those of the most jobs, then those seen last.
package struct ErrorPosition: Hashable, Sendable {
    package var isOpen: Int64
    package var jobs: Int64
    package var lastAt: Int64
    package var fingerprint: String

    package init(isOpen: Int64, jobs: Int64, lastAt: Int64, fingerprint: String) {
        self.isOpen = isOpen
        self.jobs = jobs
        self.lastAt = lastAt
        self.fingerprint = fingerprint
    }

    /// Before the first cause.
    package static let start = ErrorPosition(isOpen: 2, jobs: .max, lastAt: .max, fingerprint: "")

    package init(of cause: ErrorCause) {
        self.init(
            isOpen: cause.isOpen ? 1 : 0, jobs: Int64(cause.jobs), lastAt: cause.last.at.milliseconds,
            fingerprint: cause.error.fingerprint.rawValue)
    }

    /// Reads ``text`` back. - Throws: ``Refusal`` `.invalid` for anything else.
    package init(_ text: String) throws(Refusal) {
        let parts = text.split(separator: "_", omittingEmptySubsequences: false)
        guard parts.count == 4, let isOpen = Int64(parts[0]), let jobs = Int64(parts[1]), let lastAt = Int64(parts[2]),
            let fingerprint = ErrorFingerprint(String(parts[3]))
        else { throw .badCursor() }
        self.init(isOpen: isOpen, jobs: jobs, lastAt: lastAt, fingerprint: fingerprint.rawValue)
        guard self.text == text else { throw .badCursor() }
    }

    /// What callers carry; opaque to them.
    package var text: String { "\(isOpen)_\(jobs)_\(lastAt)_\(fingerprint)" }
}

/// Fills one page of causes from an engine's ordered list. What it checks is bounded.
package struct ErrorPage {
    /// Causes that are checked for one page, and at once.
    package static let maximumChecked = 2000
    package static let batch = 200

    private let query: ErrorQuery
    private let limit: Int
    private let text: String?
    package private(set) var position: ErrorPosition
    private var checked = 0
    private var found: [ErrorCause] = []
    private var isAtEnd = false

    package init(_ query: ErrorQuery, limit: Int, cursor: String?) throws {
        self.query = query
        self.limit = PageLimit.clamped(limit)
        text = query.text.flatMap { $0.isEmpty ? nil : $0.lowercased() }
        position = try cursor.map { try ErrorPosition($0) } ?? .start
        if query.isOpen == false, position.isOpen > 0 { position = .closed }
    }

    /// Whether another batch is needed.
    package var needsMore: Bool { !isAtEnd && found.count < limit && checked < Self.maximumChecked }

    /// Causes to ask for: without filters, no more than the page holds.
    package var size: Int { text == nil && query.since == nil ? min(limit + 1, Self.batch) : Self.batch }

    /// Takes the next causes after ``position``, which were asked for with ``size``.
    package mutating func take(_ causes: [ErrorCause]) {
        if causes.count < size { isAtEnd = true }
        for cause in causes {
            guard found.count < limit else {
                isAtEnd = false
                return
            }
            if query.isOpen == true, !cause.isOpen {
                isAtEnd = true
                return
            }
            position = ErrorPosition(of: cause)
            checked += 1
            if matches(cause) { found.append(cause) }
        }
    }

    private func matches(_ cause: ErrorCause) -> Bool {
        if let since = query.since, cause.last.at < since { return false }
        guard let text else { return true }
        return [cause.error.cause, cause.error.address, cause.error.file].contains { field in
            field.map { $0.lowercased().contains(text) } ?? false
        }
    }

    package var page: Page<ErrorCause> { Page(items: found, next: isAtEnd ? nil : position.text) }
}

extension ErrorPosition {
    /// Before the first cause that is not open.
    fileprivate static let closed = ErrorPosition(isOpen: 1, jobs: -1, lastAt: -1, fingerprint: "")
}

extension ErrorCause {
    /// What is known of a cause from some of its vines. nil without any.
    package init?(error: (JobID) -> StoredError?, in vines: [ErrorVine]) {
        guard let first = vines.min(by: { $0.first.at < $1.first.at })?.first,
            let last = vines.max(by: { $0.last.at < $1.last.at })?.last, let error = error(last.job)
        else { return nil }
        self.init(
            error: error, jobs: vines.reduce(0) { $0 + $1.jobs }, vines: vines.count,
            openVines: vines.count { $0.isOpen }, first: first, last: last,
            solved: vines.compactMap(\.solved).max { $0.at < $1.at })
    }
}

extension Timestamp {
    /// The day from 1970, in UTC.
    package var day: Int64 { milliseconds >= 0 ? milliseconds / 86_400_000 : (milliseconds - 86_399_999) / 86_400_000 }
}
