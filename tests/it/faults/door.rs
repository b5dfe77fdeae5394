//! The four wires over HTTP, as their clients use them, written by hand: a test decides every byte.

/// Where the clients of a wire knock, and how they write.
#[derive(Clone, Copy, Debug)]
pub struct Door {
    /// The wire's name.
    pub name: &'static str,
    /// The path, and the query.
    pub path: &'static str,
    /// The member that holds the history.
    pub history: &'static str,
    /// What stands before a tool's output.
    opens: &'static str,
    /// What stands behind it.
    closes: &'static str,
}

/// A body with one tool output in it.
#[derive(Clone, Debug)]
pub struct Written {
    /// What stands before the output.
    pub before: String,
    /// The output, as JSON.
    pub output: String,
    /// What stands behind it.
    pub after: String,
}

impl Written {
    /// All of it.
    pub fn whole(&self) -> Vec<u8> {
        [self.before.as_bytes(), self.output.as_bytes(), self.after.as_bytes()].concat()
    }
}

/// Odd members behind the history.
const BEHIND: &str = r#""z" : 1.0,"y":1e2,"y" :0.10,"w":"\u00e9\/""#;

impl Door {
    /// A body with these members (`"a":1,`) and this output of a tool, each as it is to be written.
    pub fn with(self, members: &str, output: &str) -> Written {
        Written {
            before: format!("{{{members}{}", self.opens),
            output: output.to_owned(),
            after: format!("{} , {BEHIND} }}\n", self.closes),
        }
    }
}

pub const ANTHROPIC: Door = Door {
    name: "anthropic",
    path: "/v1/messages?beta=true",
    history: "messages",
    opens: r#""model":"claude-sonnet-4-5", "max_tokens":9,"messages" :[{"role":"user","content":"why?"},{"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"Bash","input":{"command":"kubectl get services"}}]}, {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"#,
    closes: " }]}]",
};

pub const CHAT: Door = Door {
    name: "chat",
    path: "/v1/chat/completions",
    history: "messages",
    opens: r#""model":"gpt-5", "messages" :[{"role":"user","content":"why?"},{"role":"assistant","content":null,"tool_calls":[{"id":"t1","type":"function","function":{"name":"bash","arguments":"{\"command\":\"kubectl get services\"}"}}]}, {"role":"tool","tool_call_id":"t1","content":"#,
    closes: " }]",
};

pub const RESPONSES: Door = Door {
    name: "responses",
    path: "/v1/responses",
    history: "input",
    opens: r#""model":"gpt-5", "input" :[{"type":"message","role":"user","content":[{"type":"input_text","text":"why?"}]},{"type":"function_call","call_id":"t1","name":"shell","arguments":"{\"command\":\"kubectl get services\"}"}, {"type":"function_call_output","call_id":"t1","output":"#,
    closes: " }]",
};

pub const GEMINI: Door = Door {
    name: "gemini",
    path: "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
    history: "contents",
    opens: r#""contents" :[{"role":"user","parts":[{"text":"why?"}]},{"role":"model","parts":[{"functionCall":{"name":"run_shell_command","args":{"command":"kubectl get services"}}}]}, {"role":"user","parts":[{"functionResponse":{"name":"run_shell_command","response":{"output":"#,
    closes: "}}}]}]",
};

/// All of them.
pub const DOORS: [Door; 4] = [ANTHROPIC, CHAT, RESPONSES, GEMINI];
