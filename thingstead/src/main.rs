//! The `thingstead` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    thingstead::cli::run(std::env::args_os(), &|name| std::env::var(name).ok())
}
