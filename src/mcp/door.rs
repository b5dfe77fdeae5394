//! What comes in on stdin: nothing of it ends the process.

use rmcp::model::{ClientRequest, JsonRpcMessage};
use rmcp::service::{RoleServer, RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use rmcp::transport::async_rw::AsyncRwTransport;
use std::io;
use tokio::io::{Stdin, Stdout};

/// The longest message that is read, in bytes: a text to shorten may be as long as a request.
const LONGEST: usize = 64 << 20;

/// Stdin and stdout. Lines that are no message are passed over by `rmcp`; messages that only make
/// sense after a greeting, and come before it, are passed over here.
pub(super) struct Door {
    stdio: AsyncRwTransport<RoleServer, Stdin, Stdout>,
    greeted: bool,
}

impl Door {
    pub fn open() -> Door {
        let (stdin, stdout) = rmcp::transport::stdio();
        Door { stdio: AsyncRwTransport::new(stdin, stdout).with_max_line_length(LONGEST), greeted: false }
    }
}

impl Transport<RoleServer> for Door {
    type Error = io::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), io::Error>> + Send + 'static {
        self.stdio.send(message)
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            let message = self.stdio.receive().await?;
            if let JsonRpcMessage::Request(request) = &message {
                self.greeted |= matches!(request.request, ClientRequest::InitializeRequest(_));
                return Some(message);
            }
            if self.greeted {
                return Some(message);
            }
        }
    }

    async fn close(&mut self) -> Result<(), io::Error> {
        self.stdio.close().await
    }
}
