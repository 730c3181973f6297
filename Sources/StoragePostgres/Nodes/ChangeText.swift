internal import Domain
internal import Storage

/// Changes as text, for `store_changes` and for hints: one word for each.
enum ChangeText {
    /// The word for a change; nil for what has none (``StoreChange/everything``).
    static func word(_ change: StoreChange) -> String? {
        switch change {
        case .job(let id, let isNew): (isNew ? "J" : "j") + id.rawValue
        case .log(let id, let seq): "l\(id.rawValue).\(seq)"
        case .tendril(let id, let isNew): (isNew ? "T" : "t") + id.rawValue
        case .vine(let id, let isNew): (isNew ? "V" : "v") + id.rawValue
        case .queue: "q"
        case .stop(let id): "s" + id.rawValue
        case .everything: nil
        }
    }

    /// The change that a word stands for; nil for a word of a newer version.
    static func change(_ word: Substring) -> StoreChange? {
        let rest = String(word.dropFirst())
        switch word.first {
        case "J": return JobID(rest).map { .job($0, isNew: true) }
        case "j": return JobID(rest).map { .job($0) }
        case "T": return TendrilID(rest).map { .tendril($0, isNew: true) }
        case "t": return TendrilID(rest).map { .tendril($0) }
        case "V": return VineID(rest).map { .vine($0, isNew: true) }
        case "v": return VineID(rest).map { .vine($0) }
        case "q": return .queue
        case "s": return TendrilID(rest).map { .stop($0) }
        case "l":
            let parts = rest.split(separator: ".")
            guard parts.count == 2, let id = JobID(String(parts[0])), let seq = Int64(parts[1]) else { return nil }
            return .log(id, seq: seq)
        default: return nil
        }
    }

    static func encode(_ changes: some Sequence<StoreChange>) -> String {
        changes.compactMap(word).joined(separator: " ")
    }

    static func decode(_ text: some StringProtocol) -> [StoreChange] {
        text.split(separator: " ").compactMap { change(Substring($0)) }
    }

    /// What a commit stores for other nodes: all but the growth of logs, which each log's head tells.
    static func stored(_ changes: [StoreChange]) -> String? {
        let words = changes.filter { if case .log = $0 { false } else { true } }.compactMap(word)
        var seen: Set<String> = []
        let text = words.filter { seen.insert($0).inserted }.joined(separator: " ")
        return text.isEmpty ? nil : text
    }
}
