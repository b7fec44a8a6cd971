//! The APIs from outside, in one process: requests go into the router, answers come out.

#[cfg(test)]
mod any_headers;
#[cfg(test)]
mod authorization;
#[cfg(test)]
mod authorizers;
#[cfg(test)]
mod certificates;
#[cfg(test)]
mod credentials;
#[cfg(test)]
mod device;
#[cfg(test)]
mod domain_configurations;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod indexing;
#[cfg(test)]
mod logged;
#[cfg(test)]
mod policies;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod retained;
#[cfg(test)]
mod singletons;
#[cfg(test)]
mod things;
#[cfg(test)]
mod topic_rules;
#[cfg(test)]
mod wire;
