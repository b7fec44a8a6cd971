//! The whole server in the process of its tests.

#[cfg(test)]
mod embedded;
