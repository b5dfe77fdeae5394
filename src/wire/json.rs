//! Finds the byte ranges of JSON values without building them.
