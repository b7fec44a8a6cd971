//! `endpoints.json`: where a running server listens, for scripts that started it on port 0.

use std::io;
use std::path::Path;

use thingstead_console::Endpoints;

const FILE: &str = "endpoints.json";

/// Writes the file; a reader sees the old text or the new one, never half of it. Mostly they are the same, and then a start need not
/// wait for the disk, which a file that replaces another is sent to at once.
pub(super) fn write(directory: &Path, endpoints: &Endpoints) -> io::Result<()> {
    let (file, unfinished) = (directory.join(FILE), directory.join(format!("{FILE}.new")));
    let text = format!("{}\n", endpoints.to_json());
    if std::fs::read(&file).is_ok_and(|found| found == text.as_bytes()) {
        return Ok(());
    }
    std::fs::write(&unfinished, text)?;
    std::fs::rename(unfinished, file)
}
