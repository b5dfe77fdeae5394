use super::super::content;
use super::super::lines::verbatim_subsequence;
use super::*;
use crate::units::Key;

#[track_caller]
fn shortened(text: &str, query: &str) -> String {
    let key = Key::parse("0123456789abcdef0123").expect("a key");
    let hint = Hint { query, ..Hint::default() };
    assert_eq!(content::kind_of(text, &hint), Kind::Trace, "{text}");
    let short = compress(text, &hint, &Allowance::kept_under(&key)).expect("shorter");
    assert!(short.left_out && verbatim_subsequence(text, &short.text), "{}", short.text);
    short.text
}

fn java() -> String {
    let mut text = "Exception in thread \"main\" shop.CheckoutFailed: order 4711 was not booked\n".to_owned();
    text.push_str("\tat shop.Checkout.book(Checkout.java:88)\n");
    for n in 0..60 {
        text.push_str(&format!("\tat org.springframework.aop.Step{n}.proceed(Step{n}.java:{n})\n"));
    }
    text.push_str("\tat shop.Basket.close(Basket.java:31)\n");
    for n in 0..60 {
        text.push_str(&format!("\tat org.apache.catalina.core.Valve{n}.invoke(Valve{n}.java:{n})\n"));
    }
    text.push_str("Caused by: java.sql.SQLException: deadlock on row 93\n\tat shop.db.Rows.lock(Rows.java:12)\n\t... 61 more\n");
    text
}

#[test]
fn messages_causes_and_own_frames_are_shown() {
    let short = shortened(&java(), "");
    for needed in [
        "order 4711 was not booked",
        "Checkout.java:88",
        "Basket.java:31",
        "Caused by: java.sql.SQLException: deadlock on row 93",
        "Rows.java:12",
        "org.springframework.aop ×",
        "org.apache.catalina ×",
    ] {
        assert!(short.contains(needed), "{needed}\n{short}");
    }
    assert!(short.len() * 3 < java().len(), "{short}");
}

#[test]
fn a_frame_that_is_asked_for_is_shown() {
    assert!(!shortened(&java(), "").contains("Valve33.java"));
    assert!(shortened(&java(), "why is Valve33 in the stack?").contains("Valve33.java:33"));
}

#[test]
fn stacks_that_are_alike_are_named_and_shown_once() {
    let mut text = "panic: no more tea\n\n".to_owned();
    for n in 1..60 {
        let (state, call) =
            if n == 44 { ("semacquire, 12 minutes", "main.lock") } else { ("select", "main.wait") };
        text.push_str(&format!(
            "goroutine {n} [{state}]:\n{call}(0xc000{n:04}, 0x1)\n\t/app/pool.go:71 +0x1d\nmain.work(0xc000{n:04})\n\t/app/pool.go:40 +0x2f\ncreated by main.start in goroutine 1\n\t/app/main.go:9 +0x2\n\n"
        ));
    }
    let short = shortened(&text, "");
    for needed in [
        "panic: no more tea",
        "goroutine 1 [select]",
        "goroutine 59 [select]",
        "goroutine 44 [semacquire, 12 minutes]",
        "main.lock(",
    ] {
        assert!(short.contains(needed), "{needed}\n{short}");
    }
    assert!(short.len() * 4 < text.len(), "{short}");
}

#[test]
fn rounds_of_a_recursion_are_counted() {
    let mut text =
        "Traceback (most recent call last):\n  File \"/app/main.py\", line 3, in <module>\n    walk(tree)\n"
            .to_owned();
    for _ in 0..90 {
        text.push_str("  File \"/app/tree.py\", line 9, in walk\n    return step(node)\n  File \"/app/tree.py\", line 14, in step\n    return walk(node.next)\n");
    }
    text.push_str("  File \"/app/tree.py\", line 7, in walk\n    if node is None:\nRecursionError: maximum recursion depth exceeded\n");
    let short = shortened(&text, "");
    for needed in ["main.py\", line 3", "tree.py\", line 7", "RecursionError: maximum", "times more"] {
        assert!(short.contains(needed), "{needed}\n{short}");
    }
    assert!(short.lines().count() < 16, "{short}");
}

#[test]
fn a_thread_dump_names_every_thread() {
    let mut text = "Full thread dump OpenJDK 64-Bit Server VM (21.0.1+12 mixed mode):\n\n".to_owned();
    for n in 0..40 {
        let state = if n % 3 == 0 { "RUNNABLE" } else { "WAITING (parking)" };
        text.push_str(&format!(
            "\"worker-{n}\" #{n} daemon prio=5 tid=0x00007f{n:04} nid=0x{n:x} waiting on condition\n   java.lang.Thread.State: {state}\n\tat jdk.internal.misc.Unsafe.park(Native Method)\n\t- parking to wait for  <0x0000{n:04}> (a java.lang.Object)\n\tat shop.Queue.take(Queue.java:9)\n\tat shop.Worker.run(Worker.java:40)\n\n"
        ));
    }
    let short = shortened(&text, "");
    for needed in ["\"worker-7\" WAITING (parking)", "\"worker-30\" RUNNABLE", "Queue.java:9"] {
        assert!(short.contains(needed), "{needed}\n{short}");
    }
    assert!(short.len() * 5 < text.len(), "{short}");
}
