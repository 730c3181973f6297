#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The kernel's notices about files that grow.
struct Inotify: Sendable {
    /// Readable when something happened.
    let file: OpenFile

    init() throws(PosixError) {
        let number = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
        guard number >= 0 else { throw PosixError("inotify_init1") }
        file = OpenFile(adopting: number, path: "inotify")
    }

    /// Watches a file for being written.
    ///
    /// - Returns: the watch's number, the same for the same file.
    func watch(_ path: String) throws(PosixError) -> Int32 {
        let watch = inotify_add_watch(file.number, path, UInt32(IN_MODIFY))
        guard watch >= 0 else { throw PosixError("inotify_add_watch", path) }
        return watch
    }

    func unwatch(_ watch: Int32) { inotify_rm_watch(file.number, watch) }

    /// What happened since the last call, as numbers of watches in the order of the events; -1 where the kernel
    /// had to drop some.
    func events() -> [Int32] {
        var watches: [Int32] = []
        while true {
            let bytes = file.readAvailable(16 << 10)
            if bytes.isEmpty { return watches }
            bytes.withUnsafeBytes { buffer in
                // int wd; uint32_t mask, cookie, len; char name[len];
                var offset = 0
                while offset + 16 <= buffer.count {
                    watches.append(buffer.loadUnaligned(fromByteOffset: offset, as: Int32.self))
                    offset += 16 + Int(buffer.loadUnaligned(fromByteOffset: offset + 12, as: UInt32.self))
                }
            }
        }
    }
}
