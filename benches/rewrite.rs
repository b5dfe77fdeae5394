//! Benchmarks: rewrite.

fn main() {
    divan::main();
}
