internal import Foundation

/// The browser of whoever runs a command.
enum LoginBrowser {
    /// The program that opens an address: `BROWSER`, else the desktop's; nil where there is none, as over SSH.
    static func command(_ environment: [String: String] = ProcessInfo.processInfo.environment) -> String? {
        if let named = environment["BROWSER"]?.split(separator: ":").first { return String(named) }
        if environment["SSH_CONNECTION"] != nil { return nil }
        #if os(macOS)
            return "open"
        #else
            let hasDesktop = environment["DISPLAY"] != nil || environment["WAYLAND_DISPLAY"] != nil
            return hasDesktop ? "xdg-open" : nil
        #endif
    }

    /// Opens an address. Nothing is reported if that fails: the address is printed, too.
    static func open(_ address: String, with command: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [command, address]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try? process.run()
    }
}
