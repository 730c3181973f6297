#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// Holds a folder for one process, as long as that lives (flock(2)).
struct FolderLock: ~Copyable {
    private let descriptor: Int32

    /// nil where somebody else holds it.
    init?(_ path: String) {
        descriptor = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return nil }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            return nil
        }
    }

    consuming func release() { close(descriptor) }
}
