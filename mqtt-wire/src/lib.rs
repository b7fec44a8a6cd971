//! Floor 1: strict MQTT 3.1.1 and 5 frames, in and out; pure
