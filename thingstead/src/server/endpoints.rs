//! `endpoints.json`: where a running server listens, for scripts that started it on port 0.

use std::io;
use std::path::Path;

use thingstead_console::Endpoints;

const FILE: &str = "endpoints.json";

/// Writes the file; a reader sees the old text or the new one, never half of it.
pub(super) fn write(directory: &Path, endpoints: &Endpoints) -> io::Result<()> {
    let unfinished = directory.join(format!("{FILE}.new"));
    std::fs::write(&unfinished, format!("{}\n", endpoints.to_json()))?;
    std::fs::rename(unfinished, directory.join(FILE))
}
