//! The Thingstead server as a library, so that a test suite can embed it.
