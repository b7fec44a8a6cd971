//! Beside the building: end-to-end tests and benchmarks
