import Foundation
import SystemCalls

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A file, folder or link below a folder. Names are bytes: on Linux they need not be UTF-8, and what Foundation's
/// enumerator does not list would pass every check.
struct TreeEntry: Sendable {
    /// Below the folder that was walked, without a slash at either end.
    var path: [UInt8]
    var kind: Files.Kind
    var size: Int
    var mode: UInt32

    /// The path for people and for patterns; bytes that are not UTF-8 become U+FFFD.
    var name: String { String(decoding: path, as: UTF8.self) }
}

/// A path as the system takes it.
struct RawPath: Sendable {
    private var bytes: [UInt8]

    init(_ path: String) { bytes = Array(path.utf8) }

    func appending(_ path: [UInt8]) -> RawPath {
        var longer = self
        longer.bytes += [UInt8(ascii: "/")] + path
        return longer
    }

    var name: String { String(decoding: bytes, as: UTF8.self) }

    func withCString<Result>(_ body: (UnsafePointer<CChar>) throws -> Result) rethrows -> Result {
        try (bytes.map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { preconditionFailure("an empty buffer with a terminator") }
            return try body(base)
        }
    }

    /// The path with every link in it resolved; nil if something is missing.
    var real: [UInt8]? {
        withCString { path in
            guard let resolved = realpath(path, nil) else { return nil }
            defer { free(resolved) }
            return (0..<strlen(resolved)).map { UInt8(bitPattern: resolved[$0]) }
        }
    }

    /// What the link at this path says.
    func linkTarget() throws -> [UInt8] {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = withCString { readlink($0, &buffer, buffer.count) }
        guard count >= 0 else { throw FileError.last(name) }
        return buffer.prefix(count).map { UInt8(bitPattern: $0) }
    }

    func removeFile() throws {
        guard withCString({ unlink($0) }) == 0 || errno == ENOENT else { throw FileError.last(name) }
    }

    /// Removes the folder if nothing is in it.
    func removeEmptyFolder() { _ = withCString { rmdir($0) } }

    /// The regular file at this path, if it has at most `limit` bytes; no link is followed.
    func read(limit: Int) throws -> Data? {
        let descriptor = withCString { open($0, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) }
        guard descriptor >= 0 else {
            if errno == ENOENT || errno == ELOOP || errno == ENXIO { return nil }
            throw FileError.last(name)
        }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        var entry = stat()
        guard fstat(descriptor, &entry) == 0, entry.st_mode & S_IFMT == S_IFREG, entry.st_size <= off_t(limit) else {
            return nil
        }
        let data = try file.read(upToCount: limit + 1) ?? Data()
        return data.count <= limit ? data : nil
    }
}

enum TreeWalk {
    /// Visits everything below `folder`, parents before children, names in byte order; no link is followed. `visit`
    /// says whether to look into a folder.
    ///
    /// - Throws: ``FileError`` for a folder that can't be read, so that nothing is passed over in silence.
    static func visit(_ folder: String, _ visit: (TreeEntry) throws -> Bool) throws {
        let root = RawPath(folder)
        var pending: [[UInt8]] = [[]]
        while let parent = pending.popLast() {
            var below: [[UInt8]] = []
            for name in try names(in: parent.isEmpty ? root : root.appending(parent)) {
                let path = parent.isEmpty ? name : parent + [UInt8(ascii: "/")] + name
                guard let entry = try entry(path, root) else { continue }
                if try visit(entry), entry.kind == .folder { below.append(path) }
            }
            pending += below.reversed()
        }
    }

    private static func names(in folder: RawPath) throws -> [[UInt8]] {
        guard let stream = folder.withCString({ opendir($0) }) else { throw FileError.last(folder.name) }
        defer { closedir(stream) }
        var names: [[UInt8]] = []
        while true {
            errno = 0
            guard let item = readdir(stream) else {
                guard errno == 0 else { throw FileError.last(folder.name) }
                break
            }
            let name = withUnsafeBytes(of: &item.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if name != Array(".".utf8), name != Array("..".utf8) { names.append(name) }
        }
        return names.sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// nil for what has gone since its name was read.
    private static func entry(_ path: [UInt8], _ root: RawPath) throws -> TreeEntry? {
        var found = stat()
        let full = root.appending(path)
        guard full.withCString({ lstat($0, &found) }) == 0 else {
            if errno == ENOENT { return nil }
            throw FileError.last(full.name)
        }
        let kind: Files.Kind =
            switch found.st_mode & S_IFMT {
            case S_IFDIR: .folder
            case S_IFREG: .file
            case S_IFLNK: .link
            default: .other
            }
        return TreeEntry(path: path, kind: kind, size: Int(found.st_size), mode: found.st_mode & 0o777)
    }
}

/// How much is in a folder, and what the biggest files are.
struct FolderSize: Sendable {
    private(set) var bytes = 0
    private(set) var biggest: [TreeEntry] = []

    /// Counts every file below `folder` but those at the paths in `excluded`.
    init(of folder: String, without excluded: Set<String> = []) throws {
        try TreeWalk.visit(folder) { entry in
            if excluded.contains("\(folder)/\(entry.name)") { return false }
            if entry.kind == .file { add(entry) }
            return true
        }
    }

    private mutating func add(_ entry: TreeEntry) {
        bytes += entry.size
        guard biggest.count < 3 || entry.size > biggest[2].size else { return }
        biggest = Array((biggest + [entry]).sorted { $0.size > $1.size }.prefix(3))
    }

    /// `assets/v.bin (66.8 MiB), doc.pdf (1.2 MiB)`.
    var list: String { biggest.map { "\($0.name) (\(Self.mebibytes($0.size)))" }.joined(separator: ", ") }

    static func mebibytes(_ bytes: Int) -> String {
        let tenths = (bytes * 10 + (1 << 19)) >> 20
        return tenths % 10 == 0 ? "\(tenths / 10) MiB" : "\(tenths / 10).\(tenths % 10) MiB"
    }
}
