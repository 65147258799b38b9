//! Sends some octets.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut stream = timeout(Duration::from_secs(5), TcpStream::connect("localhost:5672")).await??;
    stream.write_all(b"Hello, world!").await?;
    stream.shutdown().await?;
    Ok(())
}
