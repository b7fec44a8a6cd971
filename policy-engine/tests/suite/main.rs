//! Tests of the policy engine against its specification.

#[cfg(test)]
mod advice;
#[cfg(test)]
mod any_policy;
#[cfg(test)]
mod asking;
#[cfg(test)]
mod certificates;
#[cfg(test)]
mod conditions;
#[cfg(test)]
mod explanations;
#[cfg(test)]
mod grammar;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod vectors;
