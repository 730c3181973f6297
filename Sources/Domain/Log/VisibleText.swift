/// A line as it would stand on a terminal, without its colours.
public enum VisibleText {
    /// `line` without control sequences (ECMA-48), carriage returns collapsed to what stays. See ``LineParser``.
    public static func of(_ line: some StringProtocol) -> String {
        var text = String(line)
        var parser = LineParser()
        var visible = VisibleLine()
        text.withUTF8 { parser.read($0, continued: false, into: &visible) }
        return String(decoding: visible.text, as: UTF8.self)
    }
}
