import Foundation
import Synchronization
import SystemCalls
import Testing

@Suite struct FileTests {
    @Test(arguments: [false, true]) func aFileIsReplacedAsAWhole(durably: Bool) throws {
        let scratch = try Scratch()
        let path = scratch.path + "/a"
        try Files.write(Data("one".utf8), to: path, durably: durably)
        try SmallFile.write(Array("two".utf8), to: path, mode: 0o644, durably: durably)
        #expect(try Files.read(path) == Data("two".utf8))
        #expect(try SmallFile.read(path) == Array("two".utf8))
        #expect(try Posix.list(scratch.path) == ["a"])
    }

    @Test func createRefusesWhatExists() throws {
        let scratch = try Scratch()
        let path = try scratch.write("x", to: "a")
        #expect(throws: FileError.self) { try Files.create(Data(), at: path) }
        #expect(scratch.text(of: "a") == "x")
    }

    @Test func aFolderThatCannotBeReadIsAnError() throws {
        let scratch = try Scratch()
        let path = try scratch.write("x", to: "a")
        #expect(#expect(throws: PosixError.self) { try Posix.list(path) }?.isAbsent == false)
        #expect(#expect(throws: PosixError.self) { try Posix.list(path + "-missing") }?.isAbsent == true)
        #expect(Posix.names(in: path).isEmpty)
    }

    @Test func aLockHasOneHolder() async throws {
        let scratch = try Scratch()
        let path = scratch.path + "/lock"
        var first: FileLock? = try FileLock.take(path)
        #expect(first != nil)
        #expect(try FileLock.take(path) == nil)
        first = nil
        #expect(try FileLock.take(path) != nil)
    }

}

@Suite struct FileWatcherTests {
    @Test(arguments: [false, true]) func tellsEveryListenerOfItsFile(polling: Bool) async throws {
        let scratch = try Scratch()
        let watcher = FileWatcher(polling: polling)
        let paths = try [scratch.write("", to: "a"), scratch.write("", to: "b")]
        let heard = Mutex([0, 0, 0])
        let listeners = [0, 0, 1].enumerated().map { index, path in
            watcher.listen(to: paths[path]) { heard.withLock { $0[index] += 1 } }
        }
        try OpenFile(paths[0], .append).append([1])
        try await eventually("both listeners") { heard.withLock { $0[0] > 0 && $0[1] > 0 } }
        if !polling { #expect(heard.withLock { $0[2] } == 0) }
        withExtendedLifetime(listeners) {}
    }

    @Test func aListenerThatIsGoneHearsNothing() async throws {
        let scratch = try Scratch()
        let watcher = FileWatcher()
        let path = try scratch.write("", to: "a")
        let heard = Mutex([0, 0])
        var listener: FileWatcher.Listener? = watcher.listen(to: path) { heard.withLock { $0[0] += 1 } }
        _ = listener
        listener = nil
        let other = watcher.listen(to: path) { heard.withLock { $0[1] += 1 } }
        try OpenFile(path, .append).append([1])
        try await eventually("the other listener") { heard.withLock { $0[1] > 0 } }
        #expect(heard.withLock { $0[0] } == 0)
        withExtendedLifetime(other) {}
    }
}
