//! Tests of the shadow service from outside: behaviour files, properties, the service among many, restarts, speed.

#[cfg(test)]
mod any_document;
#[cfg(test)]
mod behaviour;
#[cfg(test)]
mod durability;
#[cfg(test)]
mod http;
#[cfg(test)]
mod many;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod speed;
#[cfg(test)]
mod support;
#[cfg(test)]
mod watching;
