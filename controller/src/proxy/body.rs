//! Bodies on their way: frame by frame, as they come.

use http_body_util::combinators::MapFrame;
use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Bytes, Frame, Incoming};

use super::outgoing::remove_ours;

/// A request's body on its way to the upstream.
pub(super) type Request = MapFrame<Incoming, fn(Frame<Bytes>) -> Frame<Bytes>>;

/// An answer's body on its way to the client: the upstream's, or a text of ours.
pub(super) type Answer = Either<Incoming, Full<Bytes>>;

/// The body without what its trailers say about drills.
pub(super) fn request(body: Incoming) -> Request {
    body.map_frame(without_ours)
}

fn without_ours(frame: Frame<Bytes>) -> Frame<Bytes> {
    match frame.into_trailers() {
        Ok(mut trailers) => {
            remove_ours(&mut trailers);
            Frame::trailers(trailers)
        }
        Err(frame) => frame,
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};
    use hyper::body::{Bytes, Frame};

    use super::without_ours;

    #[test]
    fn trailers_say_nothing_about_drills() {
        let value = HeaderValue::from_static("1");
        let mut trailers = HeaderMap::new();
        for name in ["x-sum", "x-drill-context", "x_drill_context"] {
            trailers.insert(name, value.clone());
        }
        let trailers = without_ours(Frame::trailers(trailers)).into_trailers();
        assert_eq!(
            trailers.unwrap(),
            HeaderMap::from_iter([("x-sum".parse().unwrap(), value)])
        );

        let data = Bytes::from_static(b"data");
        let frame = without_ours(Frame::data(data.clone()));
        assert_eq!(frame.into_data().unwrap(), data);
    }
}
