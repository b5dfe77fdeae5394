# `just` lists these; each is one command that can be typed without just too.

_list:
    @just --list --unsorted

# what CI runs
check:
    .ci/run

# all tests
test:
    cargo test

# the main job on a built-in agent and provider
demo:
    cargo run --release -- demo

# every agent that can be installed, over six turns, wrapped and direct: a table for docs/measured.md
agents:
    cargo test --test it fleet -- --ignored --nocapture --test-threads=1

# every fault that is to be survived, in its full form: prints the table and keeps it in docs/measured.md (3 min)
faults:
    cargo test --test it faults::table -- --ignored --exact --nocapture

# 500 streams for two minutes, and 1,500 clients that leave, on the release build; wants a quiet machine (6 min)
load:
    cargo build --release --locked
    cargo test --test it load:: -- --ignored --nocapture --test-threads=1

# benchmarks: compressors, rewrite, proxy against direct
bench:
    cargo bench

# what is saved and what stays in view, on a folder of tool outputs
savings *arguments:
    cargo run --release -- bench {{arguments}}

# the library's documentation
doc:
    cargo doc --no-deps --open

# write the shells' completions and the manual anew from the command line's definition
completions:
    cargo run -- __completions completions

# build and install from this checkout
install:
    ./install.sh

# a release for machines like this one, with its checksum, in dist/: what install.sh takes
release:
    ./install.sh --pack dist --profile dist

# the binary for shipping: thin LTO
dist:
    cargo build --profile dist --locked
