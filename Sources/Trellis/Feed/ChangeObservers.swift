internal import Storage
internal import Synchronization

/// Passes the store's changes on. The store needs somebody to tell before there is anybody who reads it.
final class ChangeObservers: Sendable {
    private let observers = Mutex<[ChangeObserver]>([])

    func add(_ observer: @escaping ChangeObserver) {
        observers.withLock { $0.append(observer) }
    }

    func tell(_ changes: [StoreChange]) {
        for observer in observers.withLock({ $0 }) { observer(changes) }
    }
}
