internal import Synchronization

/// Limits concurrent operations per key.
final class ConcurrencyLimit: Sendable {
    private let taken = Mutex<[String: Int]>([:])

    /// A slot for one more operation of `key`; nil if `limit` slots are taken.
    func take(_ key: String, limit: Int) -> Slot? {
        let isTaken = taken.withLock { taken in
            guard taken[key, default: 0] < limit else { return false }
            taken[key, default: 0] += 1
            return true
        }
        return isTaken ? Slot(key, in: self) : nil
    }

    /// Slots of `key` that are taken.
    func count(of key: String) -> Int { taken.withLock { $0[key, default: 0] } }

    /// The right to run one operation. It ends with ``release()``, or when the slot is deallocated, so that a response
    /// that is never written releases its slot too.
    final class Slot: Sendable {
        private let key: String
        private let limit: ConcurrencyLimit
        private let isReleased = Mutex(false)

        fileprivate init(_ key: String, in limit: ConcurrencyLimit) {
            self.key = key
            self.limit = limit
        }

        deinit { release() }

        func release() {
            let isFirst = isReleased.withLock { released in
                defer { released = true }
                return !released
            }
            guard isFirst else { return }
            limit.taken.withLock { taken in
                taken[key, default: 1] -= 1
                if taken[key] == 0 { taken[key] = nil }
            }
        }
    }
}
