//! Benchmarks: compress.

fn main() {
    divan::main();
}
