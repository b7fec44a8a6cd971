//! Logged tables against a model, and against processes that are killed while rows move.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use thingstead_core::Scope;

use super::Pace;
use crate::{Batch, Document, Durability, Store, Table};

const PLAIN: Table = Table::new("plain");
const LOGGED: Table = Table::logged("logged");
const OTHER: Table = Table::logged("other");
const ALL: &[Table] = &[PLAIN, LOGGED, OTHER];

/// Rows move all the time, a few at once.
const BUSY: Pace = Pace { pause: Duration::from_millis(1), bytes: 2_000, rows: 7 };

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("thingstead-log-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }

    fn open(&self, pace: Pace) -> Store {
        Store::open_at_pace(&self.0, ALL, Durability::Relaxed, pace).expect("open")
    }

    fn log_bytes(&self) -> u64 {
        ["-log1", "-log2"]
            .map(|suffix| {
                std::fs::metadata(self.0.join(format!("thingstead.sqlite{suffix}"))).expect("a file").len()
            })
            .iter()
            .sum()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn scope(number: u64) -> Scope {
    Scope::new(&format!("{number:012}"), "us-east-1")
}

type Model = BTreeMap<(&'static str, u64, String), Document>;

fn contents(store: &Store) -> Model {
    let mut found = Model::new();
    for table in ALL {
        store
            .rows(*table, |row| {
                let account = row.scope.account().parse().expect("a number");
                found.insert((table.name(), account, row.key), row.document);
            })
            .expect("rows");
    }
    found
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

#[test]
fn logged_tables_say_what_plain_ones_would() {
    for seed in 0..6 {
        let folder = Folder::new(&format!("model-{seed}"));
        let mut dice = Dice(seed);
        let pace = if seed % 2 == 0 { BUSY } else { Pace::default() };
        let mut store = folder.open(pace);
        let (mut model, mut saved) = (Model::new(), None);
        for _ in 0..400 {
            let mut batch = Batch::new();
            for _ in 0..=dice.below(3) {
                let table = ALL[dice.below(3) as usize];
                let (owner, key) = (dice.below(2), format!("key/{}", dice.below(40)));
                let place = (table.name(), owner, key.clone());
                match dice.below(10) {
                    0..6 => {
                        let document = match dice.below(2) {
                            0 => Document::Text("ä".repeat(dice.below(60) as usize)),
                            _ => Document::Binary(vec![dice.below(256) as u8; dice.below(60) as usize]),
                        };
                        batch.put(table, &scope(owner), key, document.clone());
                        model.insert(place, document);
                    }
                    6..8 => {
                        batch.delete(table, &scope(owner), key);
                        model.remove(&place);
                    }
                    8 if dice.below(8) == 0 => {
                        batch.delete_prefix(table, &scope(owner), "key/1");
                        model.retain(|(name, account, key), _| {
                            *name != table.name() || *account != owner || !key.starts_with("key/1")
                        });
                    }
                    9 if dice.below(20) == 0 => {
                        batch.delete_scope(table, &scope(owner));
                        model.retain(|(name, account, _), _| *name != table.name() || *account != owner);
                    }
                    _ => {}
                }
            }
            let commit = store.commit(batch);
            match dice.below(60) {
                0 => {
                    store.snapshot("kept").wait().expect("saved");
                    saved = Some(model.clone());
                }
                1 => {
                    if let Some(saved) = &saved {
                        store.restore("kept").wait().expect("restored");
                        model = saved.clone();
                    }
                }
                2 => {
                    drop((commit, store));
                    assert_eq!(folder.log_bytes(), 0, "a server at rest has everything in its tables");
                    store = folder.open(pace);
                }
                3..6 => {
                    store.flush().wait().expect("written");
                    assert!(contents(&store) == model, "seed {seed}");
                }
                6 => std::thread::sleep(Duration::from_millis(3)),
                _ => {}
            }
        }
        drop(store);
        assert!(contents(&folder.open(pace)) == model, "seed {seed}");
    }
}

#[test]
fn rows_are_where_any_tool_finds_them_soon_after_the_last_change() {
    let folder = Folder::new("idle");
    let store = folder.open(Pace { bytes: u64::MAX, ..BUSY });
    for n in 0..100_u64 {
        let mut batch = Batch::new();
        batch.put(LOGGED, &scope(1), (n % 10).to_string(), n.to_string());
        store.commit(batch).wait().expect("committed");
    }
    let database = rusqlite::Connection::open(folder.0.join("thingstead.sqlite")).expect("open");
    let newest = || {
        let sql = "SELECT count(*) FROM logged WHERE CAST(document AS INTEGER) >= 90";
        database.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a number")
    };
    let mut looks = 0;
    while newest() < 10 {
        looks += 1;
        assert!(looks < 500, "nothing moved");
        std::thread::sleep(Duration::from_millis(10));
    }
}

const DIRECTORY: &str = "THINGSTEAD_LOG_CRASH_TEST";
/// So many rows are written in turn.
const ROWS: u64 = 150;

/// Not a test of its own: the process that the test below starts and kills.
#[test]
fn writer_that_is_killed() {
    let Ok(directory) = std::env::var(DIRECTORY) else { return };
    let store = Store::open_at_pace(directory.as_ref(), ALL, Durability::Full, BUSY).expect("open");
    let first =
        contents(&store).into_values().filter_map(|row| row.as_text()?.parse().ok()).max().unwrap_or(0_u64);
    for n in first + 1.. {
        let mut batch = Batch::new();
        batch.put(LOGGED, &scope(1), (n % ROWS).to_string(), n.to_string());
        batch.delete(OTHER, &scope(1), ((n + ROWS / 2) % ROWS).to_string());
        batch.put(OTHER, &scope(1), (n % ROWS).to_string(), n.to_string());
        store.commit_quietly(batch, move |outcome, _| {
            outcome.expect("commit");
            let mut out = std::io::stdout().lock();
            writeln!(out, "\nacknowledged {n}").and_then(|()| out.flush()).expect("told");
        });
        if n % 5 == 0 {
            store.flush().wait().expect("flush");
        }
    }
}

#[test]
fn everything_acknowledged_survives_a_kill_while_rows_move() {
    let folder = Folder::new("crash");
    for round in 0..8 {
        let mut child = Command::new(std::env::current_exe().expect("exe"))
            .args(["--exact", "log::tests::writer_that_is_killed", "--nocapture"])
            .env(DIRECTORY, &folder.0)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("child");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
        let number = |line: &str| line.strip_prefix("acknowledged ").and_then(|n| n.parse::<u64>().ok());
        let (mut newest, mut count) = (0, 0);
        for line in lines.by_ref().map_while(Result::ok) {
            if let Some(n) = number(&line) {
                (newest, count) = (n, count + 1);
            }
            if count >= 200 + round * 37 {
                break;
            }
        }
        child.kill().expect("kill");
        child.wait().expect("wait");
        newest = lines.map_while(Result::ok).filter_map(|line| number(&line)).last().unwrap_or(newest);
        assert!(newest > 0, "the writer stopped early");
        // What is found must be the work of whole batches up to one at or behind the newest that was acknowledged.
        let found = contents(&folder.open(Pace::default()));
        let numbers = |table: Table| -> Vec<u64> {
            let rows = found.iter().filter(|((name, ..), _)| *name == table.name());
            rows.filter_map(|(_, row)| row.as_text()?.parse().ok()).collect()
        };
        let last = numbers(LOGGED).into_iter().max().expect("rows");
        assert!(last >= newest, "{newest} was acknowledged, {last} is the newest there is");
        let expected: Vec<u64> = (last.saturating_sub(ROWS) + 1..=last).filter(|n| *n > 0).collect();
        let sorted = |mut numbers: Vec<u64>| {
            numbers.sort_unstable();
            numbers
        };
        assert_eq!(sorted(numbers(LOGGED)), expected, "round {round}");
        let half = last.saturating_sub(ROWS - ROWS / 2) + 1;
        assert_eq!(sorted(numbers(OTHER)), (half..=last).collect::<Vec<_>>(), "round {round}");
    }
}
