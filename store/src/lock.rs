//! One server a data directory.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

use crate::StoreError;

/// The lock on a data directory, held as long as this lives, and given up by the operating system when the process dies.
#[derive(Debug)]
pub(crate) struct DirectoryLock(#[expect(dead_code, reason = "held for its lock")] File);

impl DirectoryLock {
    pub(crate) fn take(directory: &Path) -> Result<Self, StoreError> {
        let failed = |error: std::io::Error| StoreError::Directory {
            directory: directory.display().to_string(),
            cause: error.to_string(),
        };
        std::fs::create_dir_all(directory).map_err(failed)?;
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(directory.join("lock"))
            .map_err(failed)?;
        for look in 1.. {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
            let mut holder = String::new();
            let read = file.rewind().and_then(|()| file.read_to_string(&mut holder));
            let holder = read.ok().map(|_| holder.trim().to_owned()).filter(|holder| !holder.is_empty());
            let is_here = holder.as_ref().is_some_and(|holder| *holder == std::process::id().to_string());
            if look == LOOKS || !is_here {
                return Err(StoreError::InUse { directory: directory.display().to_string(), holder });
            }
            // A store of this process that is not in use any more may still be writing.
            std::thread::sleep(BETWEEN_LOOKS);
        }
        // The process id is there for the other server's message; failing to write it is no reason not to start.
        let pid = std::process::id().to_string();
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(pid.as_bytes()));
        Ok(Self(file))
    }
}

const LOOKS: u32 = 100;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);
