//! The codec seen from outside.

mod vectors;
