//! Floor 3: listeners, TLS, connections, sessions, router, retained messages, queues, presence
