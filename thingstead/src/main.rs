//! The `thingstead` command.

use std::process::ExitCode;

/// Small objects that live as long as a message are most of what is allocated here; with glibc's allocator a shadow update costs a fifth
/// more (docs/benchmarks.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    thingstead::cli::run(std::env::args_os(), &|name| std::env::var(name).ok())
}
