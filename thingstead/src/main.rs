//! The `thingstead` command.
fn main() {}
