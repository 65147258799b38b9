//! Large bodies leave from where they lie: no octet of theirs is copied on the way to the system. Which octets leave, and in
//! which order, is `publishing`'s.

use std::io::IoSlice;
use std::ops::Range;

use amqp_client::sans_io::Outgoing;
use amqp_client::{Body, Config};
use bytes::{Buf, Bytes};

use crate::peer::{Peer, publish};

/// Octets of a body in a frame of the largest size that was agreed upon.
const PART: usize = 131_064;

/// Where octets lie.
fn addresses(octets: &[u8]) -> Range<usize> {
    let start = octets.as_ptr().addr();
    start..start + octets.len()
}

/// What a client that publishes `body` wants to send.
fn batch(body: Body<'static>) -> Outgoing {
    let mut peer = Peer::tuned(Config::default(), 10, PART as u32 + 8);
    let key = peer.open_channel();
    publish(&mut peer, key, "small").unwrap();
    publish(&mut peer, key, body).unwrap();
    publish(&mut peer, key, "small").unwrap();
    let mut batch = Outgoing::new();
    peer.core.take_outgoing(&mut batch);
    batch
}

#[test]
fn a_large_body_is_a_slice_of_its_own_and_a_small_one_is_not() {
    for (len, apart) in [(16, false), (4095, false), (4096, true), (65_536, true)] {
        for body in [
            Bytes::from(vec![7; len]),
            Bytes::from_static(&[7; 65_536]).slice(..len),
        ] {
            let batch = batch(body.clone().into());
            let mut slices = [IoSlice::new(&[]); 8];
            let count = batch.chunks_vectored(&mut slices);
            assert_eq!(count, if apart { 3 } else { 1 });
            let found = slices.iter().any(|slice| addresses(slice) == addresses(&body));
            assert_eq!(found, apart, "{len}");
        }
    }
}

#[cfg(any(feature = "tokio", feature = "smol"))]
mod to_a_stream {
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use amqp_client::driver::Transport;

    use super::*;

    /// Takes all octets, and remembers where they lay.
    #[derive(Debug, Default)]
    struct Stream(Vec<Range<usize>>);

    impl Stream {
        fn write(&mut self, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
            self.0.extend(slices.iter().map(|slice| addresses(slice)));
            Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()))
        }
    }

    /// Has `transport` write a body of several frames, and asserts that `stream` got each from where it lies.
    fn assert_that_bodies_lie_still<T: Transport>(mut transport: T, stream: impl Fn(&T) -> &Stream) {
        let body = Bytes::from(vec![7; 2 * PART + 65_536]);
        let mut batch = batch(body.clone().into());
        let mut cx = Context::from_waker(Waker::noop());
        while batch.has_remaining() {
            assert!(transport.poll_write(&mut cx, &mut batch).is_ready());
        }
        let whole = addresses(&body);
        let written = stream(&transport).0.iter();
        let of_body: Vec<_> = written.filter(|range| whole.contains(&range.start)).collect();
        let parts: Vec<_> = body.chunks(PART).map(addresses).collect();
        assert_eq!(of_body, parts.iter().collect::<Vec<_>>());
    }

    #[cfg(feature = "tokio")]
    mod over_tokio {
        use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

        use super::*;

        impl AsyncRead for Stream {
            fn poll_read(
                self: Pin<&mut Self>,
                _: &mut Context<'_>,
                _: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                Poll::Pending
            }
        }

        impl AsyncWrite for Stream {
            fn poll_write(
                mut self: Pin<&mut Self>,
                _: &mut Context<'_>,
                octets: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.write(&[IoSlice::new(octets)])
            }

            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                _: &mut Context<'_>,
                slices: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.write(slices)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }
        }

        #[test]
        fn a_large_body_is_not_copied_on_its_way_to_a_stream_of_tokio() {
            assert_that_bodies_lie_still(amqp_client::tokio::Stream::new(Stream::default()), |stream| {
                stream.get_ref()
            });
        }
    }

    #[cfg(feature = "smol")]
    mod over_smol {
        use smol::io::{AsyncRead, AsyncWrite};

        use super::*;

        impl AsyncRead for Stream {
            fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
                Poll::Pending
            }
        }

        impl AsyncWrite for Stream {
            fn poll_write(
                mut self: Pin<&mut Self>,
                _: &mut Context<'_>,
                octets: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.write(&[IoSlice::new(octets)])
            }

            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                _: &mut Context<'_>,
                slices: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.write(slices)
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }
        }

        #[test]
        fn a_large_body_is_not_copied_on_its_way_to_a_stream_of_smol() {
            assert_that_bodies_lie_still(amqp_client::smol::Stream::new(Stream::default()), |stream| {
                stream.get_ref()
            });
        }
    }
}
