//! The authority's files.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use super::CaError;

/// The text of a file; `None` when there is none.
pub(super) fn read(file: &Path) -> Result<Option<String>, CaError> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(CaError::Io { file: file.display().to_string(), cause }),
    }
}

/// Writes a file that everybody may read.
pub(super) fn write(file: &Path, text: &str) -> Result<(), CaError> {
    replace(file, text, false)
}

/// Writes a file that only its owner may read.
pub(super) fn write_secret(file: &Path, text: &str) -> Result<(), CaError> {
    replace(file, text, true)
}

/// By way of a draft, so that a crash leaves no half file.
fn replace(file: &Path, text: &str, secret: bool) -> Result<(), CaError> {
    let failed = |cause: std::io::Error| CaError::Io { file: file.display().to_string(), cause };
    if let Some(directory) = file.parent() {
        std::fs::create_dir_all(directory).map_err(failed)?;
    }
    let draft = file.with_extension("draft");
    let _ = std::fs::remove_file(&draft);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if secret {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let _ = secret;
    let mut out = options.open(&draft).map_err(failed)?;
    out.write_all(text.as_bytes()).and_then(|()| out.sync_all()).map_err(failed)?;
    std::fs::rename(&draft, file).map_err(failed)
}
