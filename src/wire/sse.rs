//! Splits an event stream into events, for listening only.
