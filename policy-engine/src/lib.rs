//! Floor 1: parses, validates, evaluates and explains IoT policies; pure
