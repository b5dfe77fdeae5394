//! Benchmarks: proxy.

fn main() {
    divan::main();
}
