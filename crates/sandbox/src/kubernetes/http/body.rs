//! Answers: whole, or piece by piece.

use std::{convert::Infallible, sync::Arc};

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, stream};
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::body::Frame;
use serde_json::Value;

use super::super::{refusal::Refusal, store::Stored};

pub(crate) use crate::loopback::Reply;

/// A piece of a long answer is sent once it is this large.
const PIECE: usize = 64 << 10;

pub(crate) fn json(code: u16, value: &Value) -> Reply {
    bytes(code, "application/json", Bytes::from(value.to_string()))
}

pub(crate) fn text(code: u16, text: impl Into<String>) -> Reply {
    bytes(code, "text/plain; charset=utf-8", Bytes::from(text.into()))
}

pub(crate) fn refusal(refusal: &Refusal) -> Reply {
    let mut reply = json(refusal.code, &refusal.json());
    if let Some(seconds) = refusal.retry_after {
        reply.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    reply
}

pub(crate) fn bytes(code: u16, media: &'static str, bytes: Bytes) -> Reply {
    finish(code, media, Full::new(bytes).boxed())
}

pub(crate) fn pieces(
    code: u16,
    media: &'static str,
    pieces: impl Stream<Item = Bytes> + Send + Sync + 'static,
) -> Reply {
    let frames = pieces.map(|piece| Ok::<_, Infallible>(Frame::data(piece)));
    finish(code, media, BodyExt::boxed(StreamBody::new(frames)))
}

fn finish(code: u16, media: &'static str, body: BoxBody<Bytes, Infallible>) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    reply
}

/// `{` and the members of a head, then every object in a form of its own, then `]}`: written while it is sent.
pub(crate) fn list(
    head: String,
    objects: Vec<Arc<Stored>>,
    write: impl Fn(&Stored, &mut BytesMut) + Send + Sync + 'static,
) -> Reply {
    struct State<W> {
        objects: std::vec::IntoIter<Arc<Stored>>,
        write: W,
        head: Option<String>,
        ended: bool,
    }
    let state = State { objects: objects.into_iter(), write, head: Some(head), ended: false };
    let written = stream::unfold(state, |mut state| async move {
        if state.ended {
            return None;
        }
        let mut piece = BytesMut::with_capacity(PIECE + (PIECE >> 2));
        let mut first = false;
        if let Some(head) = state.head.take() {
            piece.extend_from_slice(head.as_bytes());
            first = true;
        }
        while piece.len() < PIECE {
            let Some(object) = state.objects.next() else {
                piece.extend_from_slice(b"]}\n");
                state.ended = true;
                break;
            };
            if !std::mem::take(&mut first) {
                piece.extend_from_slice(b",");
            }
            (state.write)(&object, &mut piece);
        }
        Some((piece.freeze(), state))
    });
    pieces(200, "application/json", written)
}
