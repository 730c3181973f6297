/// The program's version, as the pages and the Tendrils say it.
public enum VintnerVersion {
    public static let current = "0.1.0"
}
