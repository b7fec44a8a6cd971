//! The registry from outside: what the operations answer, statement by statement of the specification.

#[cfg(test)]
mod authorizers;
#[cfg(test)]
mod ca_certificates;
#[cfg(test)]
mod certificates;
#[cfg(test)]
mod custom_auth;
#[cfg(test)]
mod dynamic_groups;
#[cfg(test)]
mod events;
#[cfg(test)]
mod failing_store;
#[cfg(test)]
mod first_contact;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod indexing;
#[cfg(test)]
mod logging;
#[cfg(test)]
mod policies;
#[cfg(test)]
mod principals;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod scale;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tags;
#[cfg(test)]
mod things;
#[cfg(test)]
mod transfer;
#[cfg(test)]
mod types;
