//! An original, or the part of it that a query, a line range or a row filter asks for.
