//! The broker from outside: sockets, packets, the journal.

#[cfg(test)]
mod adversary;
#[cfg(test)]
mod any_bytes;
#[cfg(test)]
mod any_hello;
#[cfg(test)]
mod client;
#[cfg(test)]
mod cognito;
#[cfg(test)]
mod connect;
#[cfg(test)]
mod custom_auth;
#[cfg(test)]
mod direct;
#[cfg(test)]
mod durability;
#[cfg(test)]
mod endpoints;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod half_closed;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod house;
#[cfg(test)]
mod load;
#[cfg(test)]
mod publish;
#[cfg(test)]
mod registry;
#[cfg(test)]
mod resumption;
#[cfg(test)]
mod services;
mod sessions;
#[cfg(test)]
mod subscribe;
#[cfg(test)]
mod throttles;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod websocket;
#[cfg(test)]
mod words;
