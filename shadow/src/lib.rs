//! Floor 3: device shadows: the document as a pure function, and the thin service around it
