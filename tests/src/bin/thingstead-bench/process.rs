//! What the kernel knows about a broker's process.

use std::fs;
use std::time::Duration;

use crate::Outcome;

/// User and system time of all its threads, dead ones included, from `/proc/PID/stat`.
pub(crate) fn cpu_time(pid: u32) -> Outcome<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is the name in parentheses and may contain anything.
    let (_, fields) = stat.rsplit_once(") ").ok_or("/proc/PID/stat has no name")?;
    let mut fields = fields.split(' ').skip(11);
    let mut ticks = || -> Outcome<u64> { Ok(fields.next().ok_or("/proc/PID/stat is too short")?.parse()?) };
    let (user, system) = (ticks()?, ticks()?);
    Ok(Duration::from_millis((user + system) * MILLISECONDS_PER_TICK))
}

/// Resident memory in KiB.
pub(crate) fn resident_kib(pid: u32) -> Outcome<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS in /proc/PID/status")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// `sysconf(_SC_CLK_TCK)` is 100 on every Linux that Rust runs on.
const MILLISECONDS_PER_TICK: u64 = 10;
