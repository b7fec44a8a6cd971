//! The process is killed in the middle of commits: everything acknowledged is there.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use thingstead_store::{Durability, Store};

use crate::{A, Folder, put, scope};

const DIRECTORY: &str = "THINGSTEAD_STORE_CRASH_TEST";

/// Not a test of its own: the process that the test below starts and kills.
#[test]
fn writer_that_is_killed() {
    let Ok(directory) = std::env::var(DIRECTORY) else { return };
    let store = Store::open(directory.as_ref(), &[A], Durability::Full).expect("open");
    for n in 0_u64.. {
        store.commit(put(A, &format!("{n:012}"), &n.to_string())).then(move |outcome, _| {
            outcome.expect("commit");
            let mut out = std::io::stdout().lock();
            writeln!(out, "\nacknowledged {n}").and_then(|()| out.flush()).expect("told");
        });
        if n % 64 == 0 {
            store.flush().wait().expect("flush");
        }
    }
}

#[test]
fn everything_acknowledged_survives_a_kill() {
    for round in 0..3 {
        let folder = Folder::new(&format!("crash-{round}"));
        let mut child = Command::new(std::env::current_exe().expect("exe"))
            .args(["--exact", "crash::writer_that_is_killed", "--nocapture"])
            .env(DIRECTORY, &folder.0)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("child");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
        let enough = 300 + round * 211;
        let mut acknowledged: Vec<u64> = Vec::new();
        for line in lines.by_ref() {
            let line = line.expect("line");
            acknowledged.extend(line.strip_prefix("acknowledged ").and_then(|n| n.parse::<u64>().ok()));
            if acknowledged.len() >= enough {
                break;
            }
        }
        child.kill().expect("kill");
        child.wait().expect("wait");
        // What it said before it died counts as well.
        for line in lines.map_while(Result::ok) {
            acknowledged.extend(line.strip_prefix("acknowledged ").and_then(|n| n.parse::<u64>().ok()));
        }
        assert!(acknowledged.len() >= enough, "the writer stopped early");
        let store = Store::open(&folder.0, &[A], Durability::Full).expect("open after the kill");
        for n in acknowledged {
            let found = store.get(A, &scope(), &format!("{n:012}")).expect("get");
            assert_eq!(found.and_then(|d| d.as_text().map(str::to_owned)), Some(n.to_string()));
        }
    }
}
