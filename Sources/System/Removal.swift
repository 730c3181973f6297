#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Removes a folder in any shape: read-only, very deep, full of links, FIFOs and names that are not UTF-8.
///
/// It works on open folders, so a link that replaces a folder is never followed. Folders of this user are made writable
/// on the way.
struct Removal {
    /// Deeper folders are moved up first, so that the number of open files stays small.
    private static let depthLimit = 64

    private let path: String
    private let top: Int32
    private var moved = 0

    /// - Throws: ``FileError`` with the path that is left, and why.
    static func remove(folder path: String) throws(FileError) {
        let top = try open(path, in: AT_FDCWD, named: path)
        defer { close(top) }
        var removal = Removal(path: path, top: top)
        try removal.empty(top, path: path, depth: 0)
        guard unlinkat(AT_FDCWD, path, AT_REMOVEDIR) == 0 || errno == ENOENT else { throw problem(path) }
    }

    private init(path: String, top: Int32) {
        self.path = path
        self.top = top
    }

    private mutating func empty(_ folder: Int32, path: String, depth: Int) throws(FileError) {
        // Deep folders are moved to the top folder, so that one is read until it is empty.
        while true {
            let names = Self.names(in: folder)
            if names.isEmpty { return }
            for name in names { try remove(name, in: folder, path: path, depth: depth) }
        }
    }

    private mutating func remove(
        _ name: [CChar], in folder: Int32, path: String, depth: Int
    ) throws(FileError) {
        if unlinkat(folder, name, 0) == 0 || errno == ENOENT { return }
        let code = errno
        let full = path + "/" + Self.shown(name)
        // Linux says EISDIR for a folder, POSIX EPERM.
        guard code == EISDIR || code == EPERM else { throw Self.problem(full, code: code) }
        let child = try Self.open(name, in: folder, named: full)
        defer { close(child) }
        if depth >= Self.depthLimit {
            moved += 1
            guard renameat(folder, name, top, ".removing-\(getpid())-\(moved)") == 0 else {
                throw Self.problem(full)
            }
            return
        }
        try empty(child, path: full, depth: depth + 1)
        guard unlinkat(folder, name, AT_REMOVEDIR) == 0 || errno == ENOENT else { throw Self.problem(full) }
    }

    /// Opens a folder and makes it writable for its owner.
    private static func open(_ name: [CChar], in folder: Int32, named path: String) throws(FileError) -> Int32 {
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        var number = openat(folder, name, flags)
        if number < 0, errno == EACCES {
            guard fchmodat(folder, name, 0o700, AT_SYMLINK_NOFOLLOW) == 0 else { throw problem(path) }
            number = openat(folder, name, flags)
        }
        guard number >= 0 else { throw problem(path) }
        var status = stat()
        if fstat(number, &status) == 0, status.st_mode & 0o700 != 0o700 { fchmod(number, 0o700) }
        return number
    }

    private static func open(_ name: String, in folder: Int32, named path: String) throws(FileError) -> Int32 {
        try open(Array(name.utf8CString), in: folder, named: path)
    }

    /// The names as bytes, without `.` and `..`; none if the folder can't be read.
    private static func names(in folder: Int32) -> [[CChar]] {
        let copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard copy >= 0 else { return [] }
        guard let stream = fdopendir(copy) else {
            close(copy)
            return []
        }
        defer { closedir(stream) }
        var names: [[CChar]] = []
        while names.count < 10_000, let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) {
                    Array(UnsafeBufferPointer(start: $0, count: strlen($0) + 1))
                }
            }
            if name != [0x2e, 0], name != [0x2e, 0x2e, 0] { names.append(name) }
        }
        return names
    }

    private static func shown(_ name: [CChar]) -> String {
        String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func problem(_ path: String, code: Int32 = errno) -> FileError {
        FileError(path: path, reason: "can't remove it (\(String(cString: strerror(code))))")
    }
}
