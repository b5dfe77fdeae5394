//! What the demo's shell commands print: made up here, the same at every run.
//!
//! Each has the length that agents let through (under 30 KB) and a few facts that
//! the model needs; the demo fails when one of them does not reach it.

use serde_json::{Value, json};
use std::fmt::Write;

/// A command that the demo's shell knows.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// As the model types it.
    pub line: &'static str,
    /// What it prints.
    pub prints: fn() -> String,
    /// What the model must still be able to read in it.
    pub facts: &'static [&'static str],
}

/// The commands, in the order in which the model runs them.
pub const COMMANDS: &[Command] = &[PODS, LOG, ORDERS, TESTS];

/// A cluster's pods as JSON, nested.
pub const PODS: Command = Command {
    line: "kubectl get pods -n shop -o json",
    prints: pods,
    facts: &["checkout-7d9f8b6c54-x2k4q", "CrashLoopBackOff", "OOMKilled"],
};

/// A service's log with rare errors.
pub const LOG: Command = Command {
    line: "kubectl logs -n shop deploy/checkout --tail=300",
    prints: log,
    facts: &[
        "ERROR payment: charge failed order=50231 error=\"issuer timeout after 30000 ms\"",
        "ERROR main: out of memory: tried to allocate 536870912 bytes for cart snapshot",
        "    at snapshot::encode (src/snapshot.rs:88)",
    ],
};

/// 500 rows from an API.
pub const ORDERS: Command = Command {
    line: "curl -s http://orders.shop.internal/v1/orders?limit=500",
    prints: orders,
    facts: &["50231", "50404", "issuer timeout"],
};

/// A test run with one failure.
pub const TESTS: Command = Command {
    line: "cargo test -p checkout",
    prints: test_run,
    facts: &[
        "test snapshot::keeps_large_carts_under_the_limit ... FAILED",
        "assertion `left <= right` failed: a snapshot of 4096 lines",
        "test result: FAILED. 211 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 3.84s",
    ],
};

/// The command behind `line`; `None` for every other line.
pub fn command(line: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.line == line)
}

/// Numbers that look random and never change.
struct Dice(u64);

impl Dice {
    /// From 0 to `sides` - 1. Knuth's constants for a linear congruential generator.
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides.max(1)
    }

    fn hex(&mut self, digits: usize) -> String {
        (0..digits).filter_map(|_| char::from_digit(u32::try_from(self.roll(16)).ok()?, 16)).collect()
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        let at = usize::try_from(self.roll(words.len() as u64)).unwrap_or_default();
        words.get(at).copied().unwrap_or_default()
    }
}

const SERVICES: &[&str] =
    &["cart", "catalog", "checkout", "frontend", "inventory", "mailer", "payment", "search", "shipping"];

fn pods() -> String {
    let mut dice = Dice(7);
    let mut items: Vec<Value> = (0..9)
        .map(|at| {
            let service = SERVICES[at % SERVICES.len()];
            let name = format!("{service}-{}-{}", dice.hex(10), dice.hex(5));
            pod(&name, service, &mut dice, true)
        })
        .collect();
    items.insert(6, pod("checkout-7d9f8b6c54-x2k4q", "checkout", &mut dice, false));
    let list =
        json!({"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}});
    indented(&list)
}

fn pod(name: &str, service: &str, dice: &mut Dice, healthy: bool) -> Value {
    let started = format!("2026-03-0{}T0{}:{:02}:11Z", 1 + dice.roll(3), dice.roll(9), dice.roll(60));
    let state = if healthy {
        json!({"running": {"startedAt": started}})
    } else {
        json!({"waiting": {"message": "back-off 5m0s restarting failed container=checkout", "reason": "CrashLoopBackOff"}})
    };
    let last = if healthy {
        json!({})
    } else {
        json!({"terminated": {"exitCode": 137, "finishedAt": "2026-03-04T09:58:40Z", "reason": "OOMKilled", "startedAt": "2026-03-04T09:57:02Z"}})
    };
    let ready = if healthy { "True" } else { "False" };
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "creationTimestamp": started,
            "labels": {"app": service, "tier": "backend", "release": "2026.03"},
            "name": name,
            "namespace": "shop",
            "uid": format!("{}-{}-4{}-8{}-{}", dice.hex(8), dice.hex(4), dice.hex(3), dice.hex(3), dice.hex(12)),
        },
        "spec": {
            "containers": [{
                "image": format!("registry.shop.internal/{service}:2026.03.{}", dice.roll(9)),
                "name": service,
                "ports": [{"containerPort": 8080, "protocol": "TCP"}],
                "resources": {"limits": {"cpu": "500m", "memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "256Mi"}},
            }],
            "nodeName": format!("node-{:02}", 1 + dice.roll(6)),
            "restartPolicy": "Always",
        },
        "status": {
            "conditions": [
                {"lastTransitionTime": started, "status": "True", "type": "Initialized"},
                {"lastTransitionTime": started, "status": ready, "type": "Ready"},
                {"lastTransitionTime": started, "status": "True", "type": "PodScheduled"},
            ],
            "containerStatuses": [{
                "lastState": last,
                "name": service,
                "ready": healthy,
                "restartCount": if healthy { 0 } else { 17 },
                "state": state,
            }],
            "phase": "Running",
            "podIP": format!("10.42.{}.{}", dice.roll(8), 2 + dice.roll(250)),
        },
    })
}

/// As `kubectl` prints JSON: four spaces a level.
fn indented(value: &Value) -> String {
    let mut bytes = Vec::new();
    let style = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut printer = serde_json::Serializer::with_formatter(&mut bytes, style);
    let _ = serde::Serialize::serialize(value, &mut printer);
    String::from_utf8(bytes).unwrap_or_default()
}

fn log() -> String {
    let mut dice = Dice(11);
    let mut text = String::new();
    for at in 0..300_u64 {
        let stamp = format!("2026-03-04T09:{:02}:{:02}.{:03}Z", 53 + at / 60, at % 60, dice.roll(1000));
        let _ = match at {
            173 => writeln!(
                text,
                "{stamp} ERROR payment: charge failed order=50231 error=\"issuer timeout after 30000 ms\" attempt=3"
            ),
            286 => {
                writeln!(text, "{stamp} WARN  heap: 498 of 512 MiB in use, snapshot queue holds 4096 lines")
            }
            288 => writeln!(
                text,
                "{stamp} ERROR main: out of memory: tried to allocate 536870912 bytes for cart snapshot\n\
                 \x20   at snapshot::encode (src/snapshot.rs:88)\n    at cart::save (src/cart.rs:214)\n\
                 \x20   at checkout::submit (src/checkout.rs:57)"
            ),
            _ => match dice.roll(4) {
                0 => writeln!(
                    text,
                    "{stamp} INFO  http: POST /v1/carts/{}/lines 200 in {} ms",
                    30_000 + dice.roll(9000),
                    3 + dice.roll(40)
                ),
                1 => writeln!(
                    text,
                    "{stamp} INFO  http: GET /v1/carts/{} 200 in {} ms",
                    30_000 + dice.roll(9000),
                    1 + dice.roll(9)
                ),
                2 => writeln!(
                    text,
                    "{stamp} DEBUG cache: hit key=price:{} age={}s",
                    dice.hex(8),
                    dice.roll(300)
                ),
                _ => writeln!(
                    text,
                    "{stamp} INFO  payment: charged order={} amount={}.{:02} EUR",
                    50_000 + at,
                    5 + dice.roll(200),
                    dice.roll(100)
                ),
            },
        };
    }
    text
}

fn orders() -> String {
    let mut dice = Dice(23);
    let mut text = String::from("[");
    for at in 0..500_u64 {
        let id = 50_000 + at;
        let (cents, milliseconds) = (500 + dice.roll(20_000), 20 + dice.roll(60));
        let separator = if at == 0 { "" } else { "," };
        let total = format!("{}.{:02}", cents / 100, cents % 100);
        let _ = match id {
            50_231 | 50_404 => write!(
                text,
                "{separator}{{\"id\":{id},\"state\":\"failed\",\"eur\":{total},\"ms\":30000,\"err\":\"issuer timeout\"}}"
            ),
            _ => write!(
                text,
                "{separator}{{\"id\":{id},\"state\":\"paid\",\"eur\":{total},\"ms\":{milliseconds},\"err\":null}}"
            ),
        };
    }
    text.push_str("]\n");
    text
}

fn test_run() -> String {
    let mut dice = Dice(41);
    let mut text = String::new();
    const CRATES: &[&str] =
        &["serde", "tokio", "hyper", "bytes", "http", "tracing", "uuid", "time", "ring", "rand"];
    for at in 0..64 {
        let name = dice.of(CRATES);
        let _ = writeln!(
            text,
            "   Compiling {name}-{} v{}.{}.{}",
            dice.hex(3),
            at % 4,
            dice.roll(30),
            dice.roll(12)
        );
    }
    text.push_str(
        "   Compiling checkout v2026.3.4 (/srv/shop/checkout)\n\
         warning: unused variable: `limit`\n  --> src/snapshot.rs:41:9\n   |\n\
         41 |     let limit = config.snapshot_limit;\n   |         ^^^^^ help: if this is intentional, prefix it with an underscore: `_limit`\n\n\
         \x20   Finished `test` profile [unoptimized + debuginfo] target(s) in 41.17s\n\
         \x20    Running unittests src/lib.rs (target/debug/deps/checkout-2f8d3a1b90c4e7d6)\n\nrunning 212 tests\n",
    );
    const AREAS: &[&str] = &["cart", "price", "payment", "stock", "address", "voucher", "shipping"];
    const CLAIMS: &[&str] = &[
        "adds_up",
        "survives_a_restart",
        "rejects_nonsense",
        "keeps_its_order",
        "rounds_half_to_even",
        "is_idempotent",
    ];
    for at in 0..212 {
        let _ = match at {
            147 => writeln!(text, "test snapshot::keeps_large_carts_under_the_limit ... FAILED"),
            _ => writeln!(text, "test {}::{}_{at:03} ... ok", dice.of(AREAS), dice.of(CLAIMS)),
        };
    }
    text.push_str(
        "\nfailures:\n\n---- snapshot::keeps_large_carts_under_the_limit stdout ----\n\n\
         thread 'snapshot::keeps_large_carts_under_the_limit' panicked at src/snapshot.rs:131:5:\n\
         assertion `left <= right` failed: a snapshot of 4096 lines\n  left: 536870912\n right: 8388608\n\
         note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n\n\n\
         failures:\n    snapshot::keeps_large_carts_under_the_limit\n\n\
         test result: FAILED. 211 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 3.84s\n\n\
         error: test failed, to rerun pass `-p checkout --lib`\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_output_has_its_facts_and_a_length_that_agents_let_through() {
        for command in COMMANDS {
            let printed = (command.prints)();
            assert!((8_000..30_000).contains(&printed.len()), "{}: {} bytes", command.line, printed.len());
            assert_eq!(printed, (command.prints)(), "{} prints the same every time", command.line);
            for fact in command.facts {
                assert!(printed.contains(fact), "{}: {fact}", command.line);
            }
        }
        for json in [pods(), orders()] {
            assert!(serde_json::from_str::<Value>(&json).is_ok());
        }
    }
}
