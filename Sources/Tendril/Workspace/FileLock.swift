#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// An exclusive `flock` on a file, held until it is released or its process ends.
final class FileLock: Sendable {
    private let descriptor: Int32

    private init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// Takes the lock, making the file where there is none; nil where somebody else holds it.
    static func take(_ path: String) throws -> FileLock? {
        let descriptor: Int32
        do { descriptor = try Posix.openRegular(path, O_RDWR | O_CREAT) } catch {
            throw FileError(path: path, reason: error.reason)
        }
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            guard errno == EINTR else {
                let problem = FileError.last(path)
                let isHeld = errno == EWOULDBLOCK
                close(descriptor)
                if isHeld { return nil }
                throw problem
            }
        }
        return FileLock(descriptor)
    }

    /// Takes the lock as soon as it is free. `onWait` is called once, where it is not free at once.
    static func wait(
        for path: String, pacing: Sleeper, onWait: () async -> Void = {}
    ) async throws -> FileLock {
        if let lock = try take(path) { return lock }
        await onWait()
        while true {
            // flock has no way to wait that a task could be cancelled in.
            try await pacing.pause(.milliseconds(100))
            if let lock = try take(path) { return lock }
        }
    }
}
