/// Keeps what a process knows from other processes of the same user.
public enum ProcessPrivacy {
    /// Other processes of this user can't read the memory, the environment and the open files of this one from now on;
    /// root still can. No core is dumped.
    public static func begin() { Posix.becomePrivate() }
}
