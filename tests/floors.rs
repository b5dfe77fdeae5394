//! The floors: which room may use which, and which outside thing only one room may say.
