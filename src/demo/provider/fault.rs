//! What the provider refuses with, before it is put into the shape of a wire.

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The HTTP status.
    pub(super) status: u16,
    /// The kind of error, as the wire names it.
    pub(super) kind: String,
    /// A code, on the wires that have one.
    pub(super) code: Option<String>,
    /// What is wrong.
    pub(super) message: String,
}

impl Fault {
    /// The request itself is wrong.
    pub(super) fn bad_request(message: &str) -> Fault {
        Fault::of(400, "invalid_request_error", message)
    }

    /// A refusal without a code.
    pub(super) fn of(status: u16, kind: &str, message: &str) -> Fault {
        Fault { status, kind: kind.to_owned(), code: None, message: message.to_owned() }
    }

    /// The same with a code.
    pub(super) fn with_code(mut self, code: &str) -> Fault {
        self.code = Some(code.to_owned());
        self
    }
}
