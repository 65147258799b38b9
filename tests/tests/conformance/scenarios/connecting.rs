//! Connecting: who gets in, who does not, and in which ways.

use std::time::Duration;

use amqp_client::tls::TlsError;
use amqp_client::{
    CallError, ChannelError, ConnectOptions, ConnectionError, Credentials, Host, Protocol, State,
};
use tokio::net::TcpSocket;

use super::Place;
use crate::certificates::{Authority, Folder};
use crate::client::{Adapter, Client};
use crate::stage::{Node, Outcome, options, refused};

pub(crate) async fn connects_and_closes<A: Adapter>() -> Outcome {
    let mut options = options()?;
    // No limit at all, beyond what clocks can tell.
    options.connection_timeout = Duration::MAX;
    options.config.handshake_timeout = Duration::MAX;
    let client = A::connect(options).await?;
    assert_eq!(client.connection().state(), State::Open);
    assert!(client.connection().server_properties().product.is_some());
    client.close().await?;
    assert_eq!(client.connection().state(), State::Closed);
    let over = client.closed().await;
    assert!(matches!(over, ConnectionError::Closed), "{over}");
    let late = client.open_channel().await;
    assert!(
        matches!(
            late,
            Err(CallError::Channel(ChannelError::Connection(
                ConnectionError::Closed
            )))
        ),
        "{late:?}"
    );
    // Again, and it is no error.
    client.close().await?;
    Ok(())
}

pub(crate) async fn wrong_password<A: Adapter>() -> Outcome {
    let mut options = options()?;
    options.config.credentials = Credentials::plain("guest", "wrong");
    let error = refused(A::connect(options).await)?;
    assert!(
        matches!(error, ConnectionError::AuthenticationRefused { close: Some(_) }),
        "{error}"
    );
    Ok(())
}

pub(crate) async fn unknown_virtual_host<A: Adapter>() -> Outcome {
    let mut options = options()?;
    options.config.virtual_host = "nowhere".into();
    let error = refused(A::connect(options).await)?;
    assert!(
        matches!(&error, ConnectionError::VirtualHostRefused { virtual_host, .. } if virtual_host == "nowhere"),
        "{error}"
    );
    Ok(())
}

pub(crate) async fn closed_port<A: Adapter>() -> Outcome {
    // Nobody else gets the port, and nobody listens on it.
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    let dead = Host::new("127.0.0.1", socket.local_addr()?.port());
    let error = refused(A::connect(ConnectOptions::default().hosts([dead.clone()])).await)?;
    let ConnectionError::Transport(transport) = &error else {
        return Err(error.into());
    };
    assert_eq!(transport.kind(), std::io::ErrorKind::ConnectionRefused);
    // The next host is tried.
    let mut options = options()?;
    options.hosts.insert(0, dead);
    A::connect(options).await?.close().await?;
    Ok(())
}

/// The rest of AMQP 0-8 is the core's, and tested there.
pub(crate) async fn revision_0_8<A: Adapter>() -> Outcome {
    let mut options = options()?;
    options.config.protocol = Protocol::V0_8;
    let place = Place::of(A::connect(options).await?).await?;
    let Place { client, channel, .. } = &place;
    let mut consumer = place.consume().await?;
    place.fill(&["old", "style"]).await?;
    for body in ["old", "style"] {
        let delivery = place.next(&mut consumer).await?;
        assert_eq!(delivery.body(), body.as_bytes());
        delivery.ack().call()?;
    }
    client.cancel(consumer).await?;
    assert!(place.get().await?.is_none());
    let unknown = client.confirm_select(channel.confirm_select()).await;
    assert!(
        matches!(unknown, Err(CallError::Unsupported { .. })),
        "{unknown:?}"
    );
    client.close().await?;
    Ok(())
}

pub(crate) async fn tls<A: Adapter>() -> Outcome {
    let (node, folder) = (Node::get(), Folder::new());
    let place = Place::of(A::connect(node.tls_options(&folder, node.authority())?).await?).await?;
    // More than a record of TLS, and more than a frame.
    let body = "secret".repeat(100_000);
    place.fill(&[&body]).await?;
    let delivery = place.get().await?.ok_or("no message")?;
    assert!(delivery.body() == body.as_bytes());
    delivery.ack().call()?;
    place.client.close().await?;

    let stranger = Authority::new("stranger");
    let error = refused(A::connect(node.tls_options(&folder, &stranger)?).await)?;
    assert!(
        matches!(error, ConnectionError::Tls(TlsError::CertificateRefused { .. })),
        "{error:?}"
    );
    Ok(())
}
