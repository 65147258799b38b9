//! Sets the options of a TCP socket. What they are stands in [`TcpOptions`].

use std::io;

use socket2::{SockRef, TcpKeepalive};

use crate::options::{Keepalive, TcpOptions};

pub(crate) fn apply<'s, S>(options: &TcpOptions, stream: &'s S) -> io::Result<()>
where
    SockRef<'s>: From<&'s S>,
{
    let socket = SockRef::from(stream);
    socket.set_tcp_nodelay(options.nodelay)?;
    if let Some(keepalive) = &options.keepalive {
        socket.set_tcp_keepalive(&parameters(keepalive))?;
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(limit) = options.user_timeout {
        socket.set_tcp_user_timeout(Some(limit))?;
    }
    Ok(())
}

fn parameters(keepalive: &Keepalive) -> TcpKeepalive {
    let mut parameters = TcpKeepalive::new();
    if let Some(time) = keepalive.idle {
        parameters = parameters.with_time(time);
    }
    #[cfg(any(
        target_os = "android",
        target_os = "freebsd",
        target_os = "ios",
        target_os = "linux",
        target_os = "macos",
        target_os = "windows"
    ))]
    {
        if let Some(time) = keepalive.interval {
            parameters = parameters.with_interval(time);
        }
        if let Some(count) = keepalive.count {
            parameters = parameters.with_retries(count);
        }
    }
    parameters
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn applied(options: &TcpOptions) -> io::Result<(TcpListener, TcpStream)> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        apply(options, &stream)?;
        Ok((listener, stream))
    }

    #[test]
    fn by_default_octets_leave_at_once_and_nothing_is_probed() {
        let (_listener, stream) = applied(&TcpOptions::default()).unwrap();
        assert!(stream.nodelay().unwrap());
        assert!(!SockRef::from(&stream).keepalive().unwrap());
        let (_listener, stream) = applied(&TcpOptions::default().nodelay(false)).unwrap();
        assert!(!stream.nodelay().unwrap());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_socket_has_what_is_set() {
        let seconds = Duration::from_secs;
        let keepalive = Keepalive::default().idle(seconds(31)).interval(seconds(7));
        let options = TcpOptions::default()
            .keepalive(keepalive.count(3))
            .user_timeout(Duration::from_millis(20_500));
        let (_listener, stream) = applied(&options).unwrap();
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), seconds(31));
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), seconds(7));
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
        let user_timeout = socket.tcp_user_timeout().unwrap();
        assert_eq!(user_timeout, Some(Duration::from_millis(20_500)));
    }
}
