internal import Synchronization

/// So many of a kind may be open at a time.
final class ConcurrencyLimit: Sendable {
    private let open = Mutex<[String: Int]>([:])

    /// A place for one more of `kind`; nil where `limit` are open.
    func take(_ kind: String, limit: Int) -> Place? {
        let isTaken = open.withLock { open in
            guard open[kind, default: 0] < limit else { return false }
            open[kind, default: 0] += 1
            return true
        }
        return isTaken ? Place(kind, in: self) : nil
    }

    /// A place that is given back with ``leave()``, or when it is forgotten: an answer that is never written ends too.
    final class Place: Sendable {
        private let kind: String
        private let places: ConcurrencyLimit
        private let isLeft = Mutex(false)

        fileprivate init(_ kind: String, in places: ConcurrencyLimit) {
            self.kind = kind
            self.places = places
        }

        deinit { leave() }

        func leave() {
            let isFirst = isLeft.withLock { left in
                defer { left = true }
                return !left
            }
            guard isFirst else { return }
            places.open.withLock { open in
                open[kind, default: 1] -= 1
                if open[kind] == 0 { open[kind] = nil }
            }
        }
    }
}
