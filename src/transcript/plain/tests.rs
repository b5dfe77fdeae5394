//! Files as gateways and scripts write them.

use super::super::sample;
use super::*;

/// What a file says, each entry shortly.
fn told(text: &str) -> Vec<String> {
    let source = sample::source(std::path::Path::new("plain.jsonl"), super::super::Format::Plain, None);
    let mut told = Vec::new();
    let skipped = read(&mut Lines::of(text.as_bytes()), &source, &mut |entry| {
        let said = match entry.event {
            Event::About(about) => format!("about {}", about.model),
            Event::Prompt(prompt) => format!("{:?}: {}", prompt.by, prompt.text),
            Event::Said(text) => format!("said: {text}"),
            Event::Call(call) => format!("call {} {} {}", call.id, call.tool, call.arguments),
            Event::Result(outcome) => {
                format!("result {} {} {:?}", outcome.id, outcome.text, outcome.ending)
            }
            Event::Answered(answered) => match answered.usage {
                None => "answered".to_owned(),
                Some(usage) => format!(
                    "answered {} {}+{} {} {:?}",
                    answered.id, usage.uncached.0, usage.cache_read.0, usage.output.0, answered.cache
                ),
            },
            Event::Back { to } => format!("back to {to}"),
            other => format!("{other:?}"),
        };
        told.push(format!("{} {said}", entry.line));
        ControlFlow::Continue(())
    });
    assert_eq!(skipped.unwrap(), Skipped::default());
    told
}

#[test]
fn of_a_growing_history_only_what_is_new_is_told() {
    let first =
        r#"{"role":"user","content":[{"type":"text","text":"do it","cache_control":{"type":"ephemeral"}}]}"#;
    let rest = [
        r#"{"role":"user","content":"do it"}"#,
        r#"{"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"Bash","input":{"command":"ls"}}]}"#,
        r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"Exit code 2\nno","is_error":true}]}"#,
        r#"{"role":"assistant","content":"done"}"#,
        r#"{"role":"user","content":"thanks"}"#,
    ];
    let request = |messages: &[&str]| format!("{{\"model\":\"m\",\"messages\":[{}]}}\n", messages.join(","));
    let text = [request(&[first]), request(&rest[..3]), request(&rest)].concat();
    assert_eq!(
        told(&text),
        [
            "1 about m",
            "1 Person: do it",
            "2 call t1 Bash {\"command\":\"ls\"}",
            "2 answered",
            "2 result t1 Exit code 2\nno Failed(Some(2))",
            "3 said: done",
            "3 answered",
            "3 Person: thanks"
        ]
    );
    let gone_back = [text, request(&[rest[0], r#"{"role":"user","content":"or rather that"}"#])].concat();
    assert_eq!(told(&gone_back)[8..], ["4 back to 1", "4 Person: or rather that"]);
}

#[test]
fn responses_bring_their_usage_and_are_not_told_twice() {
    let text = concat!(
        r#"{"timestamp":1760000000,"request":{"model":"gpt-5","messages":[{"role":"system","content":"be kind"},"#,
        r#"{"role":"user","content":"list"}]},"response":{"id":"r1","choices":[{"message":{"role":"assistant","#,
        r#""content":null,"tool_calls":[{"id":"c1","function":{"name":"shell","arguments":"{\"cmd\":\"ls\"}"}}]}}],"#,
        r#""usage":{"prompt_tokens":100,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":64}}}}"#,
        "\n",
        r#"{"request":{"model":"gpt-5","messages":[{"role":"system","content":"be kind"},{"role":"user","content":"list"},"#,
        r#"{"role":"assistant","content":"","tool_calls":[{"id":"c1","function":{"name":"shell","arguments":"{ }"}}]},"#,
        r#"{"role":"tool","tool_call_id":"c1","content":"Exit code: 0\nOutput:\na"}]},"#,
        r#""response":{"id":"r2","content":[{"type":"text","text":"a"}],"#,
        r#""usage":{"input_tokens":3,"cache_read_input_tokens":90,"cache_creation_input_tokens":5,"output_tokens":2}}}"#,
        "\n",
    );
    assert_eq!(
        told(text),
        [
            "1 about gpt-5",
            "1 Client: be kind",
            "1 Person: list",
            "1 call c1 shell {\"cmd\":\"ls\"}",
            "1 answered r1 36+64 7 Automatic",
            "2 result c1 Exit code: 0\nOutput:\na Worked",
            "2 said: a",
            "2 answered r2 3+90 2 FiveMinutes"
        ]
    );
}

#[test]
fn items_of_responses_and_single_messages_are_read_too() {
    let text = concat!(
        r#"{"model":"gpt-5","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"go"}]},"#,
        r#"{"type":"function_call","call_id":"c","name":"exec_command","arguments":"{}"},"#,
        r#"{"type":"function_call_output","call_id":"c","output":"Process exited with code 1\nOutput:\nno"}]}"#,
        "\n",
        r#"{"role":"user","content":"and now alone"}"#,
        "\n",
        r#"{"role":"assistant","content":"yes"}"#,
        "\n",
    );
    assert_eq!(
        told(text),
        [
            "1 about gpt-5",
            "1 Person: go",
            "1 call c exec_command {}",
            "1 answered",
            "1 result c Process exited with code 1\nOutput:\nno Failed(Some(1))",
            "2 Person: and now alone",
            "3 said: yes",
            "3 answered"
        ]
    );
}
