//! The APIs from outside, in one process: requests go into the router, answers come out.

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod wire;
