internal import Domain
internal import Foundation
internal import Storage
internal import Synchronization
internal import Wire

/// Shows what vines' states hold, without secrets.
///
/// States are decrypted and read on threads of their own (``WorkPool/states``), a few at a time.
struct VineStates: Sendable {
    var store: any Store
    private let views = RecentValues<ViewKey, StateView>(limit: 8)
    /// Few, because a comparison of two large states is large.
    private let summaries = RecentValues<ComparisonKey, StateComparison.Summary>(limit: 4)
    private let concurrency = ConcurrencyLimit()

    /// Requests that read states at the same time; each may hold two states in memory.
    static let concurrentReads = 6

    private struct ViewKey: Hashable {
        var vine: VineID
        /// The vine's secrets, which views do not show, may change with it.
        var revision: Int
        var number: Int
    }

    private struct ComparisonKey: Hashable {
        var to: ViewKey
        var base: Int
    }

    init(store: any Store) { self.store = store }

    // MARK: - One state

    func outputs(of id: VineID) async throws -> VineOutputsResponse {
        let vine = try await find(id)
        guard let version = try await store.stateVersion(nil, of: id) else { return VineOutputsResponse(state: nil) }
        let view = try await view(of: version, vine)
        return VineOutputsResponse(
            state: StateReference(version, problem: view.problem?.sentence), items: view.outputs,
            isCut: view.hasMoreOutputs)
    }

    /// Resources that match, after the cursor.
    func resources(
        of id: VineID, text: String?, type: String?, limit: Int, cursor: String?
    ) async throws -> VineResourcesResponse {
        let vine = try await find(id)
        let place = try cursor.map { try StateCursor($0) }
        // The pages of one list are of one state.
        guard let version = try await store.stateVersion(place?.number, of: id) else {
            if place != nil { throw Refusal.badCursor() }
            return VineResourcesResponse(state: nil)
        }
        let view = try await view(of: version, vine)
        let text = text?.lowercased() ?? ""
        let found = text.isEmpty ? view.resources : view.resources.filter { $0.address.lowercased().contains(text) }
        let types = Dictionary(found.map { ($0.type, 1) }, uniquingKeysWith: +)
        let matching = type.map { type in found.filter { $0.type == type } } ?? found
        let start = min(place?.offset ?? 0, matching.count)
        let end = min(start + limit, matching.count)
        var items = Array(matching[start..<end])
        let touches = try await store.lastTouches(of: items.map(\.address), in: id)
        for index in items.indices {
            guard let touch = touches[items[index].address] else { continue }
            items[index].jobId = touch.job
            items[index].action = touch.action
            items[index].failed = touch.hasFailed ? true : nil
            items[index].changedAt = touch.at
        }
        return VineResourcesResponse(
            state: StateReference(version, problem: view.problem?.sentence), total: view.resources.count,
            matching: matching.count, types: types, items: items,
            nextCursor: end < matching.count ? StateCursor(number: version.number, offset: end).text : nil,
            isCut: view.isCut)
    }

    private func view(of version: StateVersion, _ vine: Vine) async throws -> StateView {
        let key = ViewKey(vine: vine.id, revision: vine.revision, number: version.number)
        if let known = views[key] { return known }
        let view = try await reading {
            let bytes = try await bytes(of: version)
            return StateView(bytes, secrets: try await store.vineSecrets(vine.id))
        }
        views[key] = view
        return view
    }

    // MARK: - Versions

    func versions(of id: VineID, limit: Int, cursor: String?) async throws -> ListResponse<StateVersionResponse> {
        guard try await store.anyVine(id) != nil else { throw Refusal.notFound(Vine.noun) }
        let before = try cursor.map { text in
            guard let number = Int(text), number > 0 else { throw Refusal.badCursor() }
            return number
        }
        let found = try await store.stateVersions(of: id, before: before, limit: limit + 1)
        return ListResponse(
            items: found.prefix(limit).map(StateVersionResponse.init),
            nextCursor: found.count > limit ? String(found[limit - 1].number) : nil)
    }

    // MARK: - Two states

    func comparison(
        of path: StateVersionPath, with base: Int, limit: Int, cursor: String?
    ) async throws -> StateComparisonResponse {
        let vine = try await find(path.vine)
        let pair = try await Pair(path, with: base, vine: vine, store: store)
        let start = try cursor.map { text in
            guard let offset = Int(text), offset > 0 else { throw Refusal.badCursor() }
            return offset
        }
        let key = ComparisonKey(
            to: ViewKey(vine: vine.id, revision: vine.revision, number: path.number), base: base)
        let result: Result<StateComparison.Summary, PairProblem>
        if let known = summaries[key] {
            result = .success(known)
        } else {
            result = try await compare(pair) { $0.summary() }
        }
        guard case .success(let summary) = result else {
            return StateComparisonResponse(from: pair.from(result), to: pair.to(result))
        }
        summaries[key] = summary
        let first = min(start ?? 0, summary.resources.count)
        let end = min(first + limit, summary.resources.count)
        return StateComparisonResponse(
            from: StateReference(pair.before), to: StateReference(pair.after), counts: summary.counts,
            items: Array(summary.resources[first..<end]),
            nextCursor: end < summary.resources.count ? String(end) : nil,
            outputs: first == 0 ? summary.outputs : [], isCut: summary.isCut)
    }

    func resource(
        of path: StateVersionPath, with base: Int, address: String, deposed: String?
    ) async throws -> StateResourceResponse {
        let pair = try await Pair(path, with: base, vine: find(path.vine), store: store)
        switch try await compare(pair, { $0.resource(address, deposed: deposed) }) {
        case .success(let found?): return found
        case .success(nil): throw Refusal.notFound("resource of the state")
        case .failure(let problem): throw Refusal(.conflict, problem.problem.sentence)
        }
    }

    private func compare<Result: Sendable>(
        _ pair: Pair, _ body: @Sendable (StateComparison) -> Result
    ) async throws -> Swift.Result<Result, PairProblem> {
        try await reading {
            let secrets = try await store.vineSecrets(pair.vine)
            let documents: (StateDocument, StateDocument)
            do {
                documents.0 = try StateDocument(try await bytes(of: pair.before))
            } catch let problem as StateProblem {
                return .failure(PairProblem(isBefore: true, problem: problem))
            }
            do {
                documents.1 = try StateDocument(try await bytes(of: pair.after))
            } catch let problem as StateProblem {
                return .failure(PairProblem(isBefore: false, problem: problem))
            }
            return .success(body(StateComparison(documents.0, documents.1, secrets: secrets)))
        }
    }

    // MARK: - Reading

    private func find(_ id: VineID) async throws -> Vine {
        guard let vine = try await store.vine(id) else { throw Refusal.notFound(Vine.noun) }
        return vine
    }

    private func bytes(of version: StateVersion) async throws -> Data {
        let bytes = try await StorageError.refusingCorruptData("The state") {
            try await store.stateBytes(of: version.vine, number: version.number)
        }
        guard let bytes else { throw Refusal.notFound(StateVersionPath.noun) }
        return bytes
    }

    private func reading<Result: Sendable>(_ body: @Sendable () async throws -> Result) async throws -> Result {
        guard let slot = concurrency.take("states", limit: Self.concurrentReads) else {
            throw Refusal(.tooMany, "Too many states are being read. Try again in a moment.")
        }
        defer { slot.release() }
        return try await WorkPool.states.perform(body)
    }
}

/// Two versions of one vine's state.
private struct Pair: Sendable {
    var vine: VineID
    var before: StateVersion
    var after: StateVersion

    init(_ path: StateVersionPath, with base: Int, vine: Vine, store: any Store) async throws {
        guard base != path.number else { throw Refusal(.invalid, "Choose two different versions.") }
        guard let before = try await store.stateVersion(base, of: vine.id),
            let after = try await store.stateVersion(path.number, of: vine.id)
        else { throw Refusal.notFound(StateVersionPath.noun) }
        (self.vine, self.before, self.after) = (vine.id, before, after)
    }

    func from<Value>(_ result: Result<Value, PairProblem>) -> StateReference {
        StateReference(before, problem: result.problem(isBefore: true))
    }

    func to<Value>(_ result: Result<Value, PairProblem>) -> StateReference {
        StateReference(after, problem: result.problem(isBefore: false))
    }
}

/// One of two states can't be read.
private struct PairProblem: Error {
    var isBefore: Bool
    var problem: StateProblem
}

extension Result where Failure == PairProblem {
    fileprivate func problem(isBefore: Bool) -> String? {
        guard case .failure(let failure) = self, failure.isBefore == isBefore else { return nil }
        return failure.problem.sentence
    }
}

/// Where a page of resources begins, in which version.
struct StateCursor {
    var number: Int
    var offset: Int

    init(number: Int, offset: Int) { (self.number, self.offset) = (number, offset) }

    init(_ text: String) throws(Refusal) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let number = Int(parts[0]), let offset = Int(parts[1]), number > 0, offset > 0 else {
            throw Refusal.badCursor()
        }
        self.init(number: number, offset: offset)
    }

    var text: String { "\(number):\(offset)" }
}

/// The last values that were made: a list of many pages is read from one.
private final class RecentValues<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let limit: Int
    private let entries = Mutex<[(key: Key, value: Value)]>([])

    init(limit: Int) { self.limit = limit }

    subscript(key: Key) -> Value? {
        get { entries.withLock { $0.first { $0.key == key }?.value } }
        set {
            guard let newValue else { return }
            entries.withLock { entries in
                entries.removeAll { $0.key == key }
                entries.append((key, newValue))
                if entries.count > limit { entries.removeFirst() }
            }
        }
    }
}
