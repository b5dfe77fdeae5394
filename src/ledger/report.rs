//! What was saved, summed up: every view is derived from the one record.
