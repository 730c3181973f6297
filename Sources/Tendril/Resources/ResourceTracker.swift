import Domain
import SystemCalls

/// Derives what happens to each resource from the lines of a job's log, after masking. Pure.
///
/// It may miss an event, if part of the output was dropped or the engine prints none, but never invents one: what began
/// and is not seen to end is ``RunResource/State/unknown`` at the end. A failed resource prints nothing when it fails, only
/// a diagnostic when the whole command ends; while it runs, a line says so every 10 s. So its end is at most that long
/// after the last such line.
struct ResourceTracker: Sendable {
    /// How often the engine says that something still runs.
    private static let progressInterval: Int64 = 10_000
    /// Lines that an ID with line feeds may have.
    private static let maximumIDLines = 100

    private struct Tracked: Sendable {
        var resource: RunResource
        var lastSeen: Timestamp
        /// The command, by number, in which it was seen last.
        var phase: Int
    }

    private var tracked: [String: Tracked] = [:]
    /// Addresses whose resource changed since ``takeChanges(upTo:)``, in the order of the first change.
    private var changed: [String] = []
    private var isChanged: Set<String> = []
    private var phase = 0
    /// After the end of an apply, outputs follow, which may look like anything.
    private var isOver = false
    /// Lines that may belong to an ID.
    private var idLines = 0
    private var diagnostic = DiagnosticState()

    /// Resources that were left out at the limit.
    private(set) var omitted = 0

    init() {}

    var hasChanges: Bool { !changed.isEmpty }
    /// In no order.
    var resources: [RunResource] { tracked.values.map(\.resource) }

    // MARK: - Reading

    /// - Parameter firstLine: the number of the chunk's first line in the job's log; nil if it is not known.
    mutating func take(_ chunk: UnnumberedChunk, firstLine: Int64?) {
        var text = chunk.text
        text.withUTF8 { bytes in
            var start = 0
            var line = 0
            var times = TimeCursor(chunk.times)
            while start < bytes.count {
                let end = Self.endOfLine(bytes, from: start)
                // What continues a line that was cut may be what a provisioner printed.
                if line > 0 || !chunk.continued {
                    take(
                        UnsafeBufferPointer(rebasing: bytes[start..<end]), of: chunk.stream,
                        number: firstLine.map { $0 + Int64(line) }, at: times.time(ofLine: line))
                }
                start = end + 1
                line += 1
            }
        }
    }

    private mutating func take(
        _ line: UnsafeBufferPointer<UInt8>, of stream: LogStream, number: Int64?, at moment: Timestamp
    ) {
        switch stream {
        case .stdout: takeOutput(line, number, moment)
        case .stderr:
            if let address = diagnostic.take(line) { fail(address, number, moment) }
        case .system:
            if EngineEvent.matches(line, 0, "Running ") { beginPhase() }
        }
    }

    private mutating func takeOutput(_ line: UnsafeBufferPointer<UInt8>, _ number: Int64?, _ moment: Timestamp) {
        if idLines > 0 {
            idLines = EngineEvent.endsWithBracket(line) ? 0 : idLines - 1
            return
        }
        // Most lines are a plan's, and begin with a blank.
        let start = EngineEvent.skipEscapes(line, 0)
        guard !isOver, start < line.count, line[start] > UInt8(ascii: " ") else { return }
        if let event = EngineEvent.parse(line) {
            if event.isIDOpen { idLines = Self.maximumIDLines }
            apply(event, number, moment)
        } else if Self.endsRefresh(line, start) {
            endRefreshes()
        } else if EngineEvent.matches(line, start, "Apply complete!")
            || EngineEvent.matches(line, start, "Destroy complete!")
        {
            isOver = true
        }
    }

    private static func endsRefresh(_ line: UnsafeBufferPointer<UInt8>, _ start: Int) -> Bool {
        EngineEvent.matches(line, start, "Plan: ") || EngineEvent.matches(line, start, "No changes.")
            || EngineEvent.matches(line, start, "Terraform used the selected providers")
            || EngineEvent.matches(line, start, "OpenTofu used the selected providers")
    }

    private static func endOfLine(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
        Posix.lineFeed(in: bytes[start...]) ?? bytes.count
    }

    // MARK: - States

    private mutating func beginPhase() {
        endRefreshes()
        phase += 1
        isOver = false
        idLines = 0
        diagnostic = DiagnosticState()
    }

    private mutating func endRefreshes() {
        for (address, entry) in tracked where entry.resource.state == .refreshing {
            tracked[address]?.resource.state = .done
            note(address)
        }
    }

    private mutating func apply(_ event: EngineEvent, _ number: Int64?, _ moment: Timestamp) {
        switch event.kind {
        case .begin(let action): begin(event.address, action, number, moment)
        case .end(let action): end(event.address, action, number, moment)
        case .refresh:
            guard tracked[event.address] == nil || tracked[event.address]?.phase != phase else { return }
            let resource = RunResource(
                address: event.address, action: .noOp, state: .refreshing, startedAt: moment, firstLine: number)
            put(resource, moment)
        case .progress:
            guard tracked[event.address]?.resource.state == .running else { return }
            tracked[event.address]?.lastSeen = moment
        case .failure: fail(event.address, number, moment)
        }
    }

    private mutating func begin(
        _ address: String, _ action: PlanAction, _ number: Int64?, _ moment: Timestamp
    ) {
        guard let entry = tracked[address], entry.phase == phase, entry.resource.action != .noOp else {
            put(
                RunResource(
                    address: address, action: action, state: .running, startedAt: moment, firstLine: number), moment)
            return
        }
        var resource = entry.resource
        let isReplacement = action == .delete ? resource.action == .create : resource.action == .delete
        if isReplacement, action == .delete || action == .create, let first = resource.asPart {
            resource.action = action == .create ? .replaceDeleteFirst : .replaceCreateFirst
            resource.parts = [first, RunResource.Part(action: action, startedAt: moment, firstLine: number)]
        } else if resource.parts == nil {
            resource.action = action
        }
        resource.state = .running
        resource.endedAt = nil
        put(resource, moment)
    }

    private mutating func end(
        _ address: String, _ action: PlanAction, _ number: Int64?, _ moment: Timestamp
    ) {
        var resource =
            if let entry = tracked[address], entry.phase == phase, entry.resource.action != .noOp {
                entry.resource
            } else {
                // Its beginning was dropped.
                RunResource(address: address, action: action, state: .done, firstLine: number)
            }
        resource.state = .done
        resource.setEnd(moment)
        put(resource, moment)
    }

    private mutating func fail(_ address: String, _ number: Int64?, _ moment: Timestamp) {
        guard let entry = tracked[address], entry.phase == phase else {
            put(RunResource(address: address, action: .noOp, state: .failed, firstLine: number), moment)
            return
        }
        var resource = entry.resource
        resource.state = .failed
        if resource.endedAt == nil {
            let latest = entry.lastSeen.milliseconds + Self.progressInterval
            resource.setEnd(min(moment, Timestamp(milliseconds: latest)))
        }
        put(resource, entry.lastSeen)
    }

    private mutating func put(_ resource: RunResource, _ moment: Timestamp) {
        guard tracked[resource.address] != nil || tracked.count < RunResource.maximumCount else {
            omitted += 1
            return
        }
        tracked[resource.address] = Tracked(resource: resource, lastSeen: moment, phase: phase)
        note(resource.address)
    }

    private mutating func note(_ address: String) {
        if isChanged.insert(address).inserted { changed.append(address) }
    }

    /// The engine is gone: nothing runs any more.
    mutating func finish() {
        for (address, entry) in tracked where [.running, .refreshing].contains(entry.resource.state) {
            tracked[address]?.resource.state = .unknown
            note(address)
        }
    }

    // MARK: - Changes

    /// Takes resources that changed, as they are now: at most `count`, and not many more than `bytes` bytes.
    mutating func takeChanges(upTo count: Int, bytes: Int) -> [RunResource] {
        var taken: [RunResource] = []
        var left = bytes
        for address in changed.prefix(count) {
            guard left > 0, let entry = tracked[address] else { break }
            taken.append(entry.resource)
            left -= address.utf8.count + 160
        }
        changed.removeFirst(taken.count)
        for resource in taken { isChanged.remove(resource.address) }
        return taken
    }

    /// Makes `resources` changes again, because they could not be sent.
    mutating func putBack(_ resources: [RunResource]) {
        for resource in resources { note(resource.address) }
    }
}

extension RunResource {
    /// The end of what runs: of a replacement, of its last part too.
    fileprivate mutating func setEnd(_ moment: Timestamp) {
        endedAt = moment
        if let last = parts?.indices.last { parts?[last].endedAt = moment }
    }
}

/// Finds the address in an error of the engine: `│   with ADDRESS,` before its text.
private struct DiagnosticState: Sendable {
    private enum Place { case none, head, address }

    private var place = Place.none

    /// - Returns: the address, if this line names the resource that failed.
    mutating func take(_ line: UnsafeBufferPointer<UInt8>) -> String? {
        let text = VisibleLine.text(
            of: String(decoding: UnsafeBufferPointer(rebasing: line.prefix(6 << 10)), as: UTF8.self))
        let unframed = DiagnosticText.unframed(text)
        if let isError = DiagnosticText.isError(head: unframed) {
            place = isError ? .head : .none
            return nil
        }
        guard place == .head else { return nil }
        if unframed.allSatisfy(\.isWhitespace) { return nil }
        place = .none
        guard unframed.hasPrefix("  with "), unframed.hasSuffix(",") || unframed.hasSuffix(":") else { return nil }
        let address = String(unframed.dropFirst(7).dropLast())
        var copy = address
        let isAddress = copy.withUTF8 { EngineEvent.endOfAddress($0, from: 0) == $0.count }
        return isAddress ? address : nil
    }
}

/// Reads the times of a chunk's lines in order.
private struct TimeCursor {
    private let times: LineTimes
    private var run = 0
    private var runStart = 0

    init(_ times: LineTimes) { self.times = times }

    mutating func time(ofLine line: Int) -> Timestamp {
        while run + 1 < times.runs.count, line >= runStart + times.runs[run].lines {
            runStart += times.runs[run].lines
            run += 1
        }
        return times.runs.isEmpty ? Timestamp(milliseconds: 0) : times.runs[run].at
    }
}
