//! What single steps of a message's way cost: `cargo bench -p thingstead-tests --bench micro [TEXT]`.
//!
//! Every line is the fastest of several rounds, on one core, without sockets. TEXT picks the lines that contain it.

mod codec;
mod policy;
mod registry;
mod rules;
mod shadow;
mod sql;
mod stored;
mod table;
mod topics;

use table::Table;

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let mut table = Table::new(only);
    codec::measure(&mut table);
    topics::measure(&mut table);
    policy::measure(&mut table);
    shadow::measure(&mut table);
    sql::measure(&mut table);
    rules::measure(&mut table);
    registry::measure(&mut table);
    stored::measure(&mut table);
}
