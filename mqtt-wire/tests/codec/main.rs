//! The codec seen from outside.

#[cfg(test)]
mod any_stream;
#[cfg(test)]
mod frames;
#[cfg(test)]
mod packets;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod standard;
#[cfg(test)]
mod strategies;
#[cfg(test)]
mod vectors;
