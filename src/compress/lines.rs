//! What all line-shaped kinds share: lines, runs, templates, windows.
