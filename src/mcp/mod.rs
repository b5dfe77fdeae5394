//! Retrieve, compress and stats as tools of the Model Context Protocol, over stdio.
