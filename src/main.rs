//! `headroom`: parse, run, exit code.

fn main() -> std::process::ExitCode {
    headroom::cli::main()
}
