//! Floor 2: things, certificates, policies, attachments, rules as resources; authorization of principals
