//! Tests of the policy engine against its specification.

mod vectors;
