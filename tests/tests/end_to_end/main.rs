//! The whole server in the process of its tests.

#[cfg(test)]
mod client;
#[cfg(test)]
mod dead_receiver;
#[cfg(test)]
mod embedded;
