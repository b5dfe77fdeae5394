//! A request that becomes another protocol (WebSocket): the handshake, and bytes both ways, unread.

use super::headers;
use super::relay::{Answer, relay};
use super::serve::Trip;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue, UPGRADE};
use hyper::upgrade::Upgraded;
use hyper::{Request, Response, StatusCode, Version};
use hyper_util::rt::TokioIo;
use std::future::Future;

/// One end of a connection that has become another protocol.
pub(super) type End = TokioIo<Upgraded>;

/// Asks the upstream for the other protocol, and joins the two ends when it agrees.
pub(super) async fn open(trip: &Trip<'_>, request: Request<Incoming>) -> Response<Answer> {
    join(trip, request, |_| copy).await
}

/// Bytes both ways, unread.
pub(super) async fn copy(mut client: End, mut upstream: End) {
    // How a tunnel ends is between its two ends.
    let _ = tokio::io::copy_bidirectional(&mut client, &mut upstream).await;
}

/// Asks the upstream for the other protocol. When it agrees, `agreed` looks at the headers of its
/// answer and says what is to be done with the two ends; when it does not, its answer is relayed
/// like any other.
pub(super) async fn join<Talk, Done>(
    trip: &Trip<'_>,
    mut request: Request<Incoming>,
    agreed: impl FnOnce(&HeaderMap) -> Talk,
) -> Response<Answer>
where
    Talk: FnOnce(End, End) -> Done + Send + 'static,
    Done: Future<Output = ()> + Send,
{
    let client = hyper::upgrade::on(&mut request);
    let (head, _no_body) = request.into_parts();
    let asked = hop(&head.headers);
    let mut answer = match trip.upstream.upgrade(head, trip.target, asked).await {
        Ok(answer) => answer,
        Err(unreachable) => return trip.unanswered(&unreachable),
    };
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return relay(answer, None, &trip.guest.flushes);
    }
    let upstream = hyper::upgrade::on(&mut answer);
    let open = trip.house.open.enter();
    let talk = agreed(answer.headers());
    tokio::spawn(async move {
        let _open = open;
        if let (Ok(client), Ok(upstream)) = tokio::join!(client, upstream) {
            talk(TokioIo::new(client), TokioIo::new(upstream)).await;
        }
    });
    let (mut head, _) = answer.into_parts();
    let agreed = hop(&head.headers);
    head.version = Version::HTTP_11;
    head.headers = headers::homeward(head.headers);
    head.headers.extend(agreed);
    Response::from_parts(head, Answer::short(""))
}

/// The two headers that ask for, or agree to, another protocol.
fn hop(headers: &HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
    let mut hop = vec![(CONNECTION, HeaderValue::from_static("Upgrade"))];
    hop.extend(headers.get_all(UPGRADE).iter().map(|to| (UPGRADE, to.clone())));
    hop
}
