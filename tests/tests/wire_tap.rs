//! Recordings of real sessions, read by the program `wire dissect`: nothing is missing in them, and no secret is there.

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use amqp_client::tokio::connect;
use amqp_client::{ConnectOptions, wire};
use amqp_tests::broker::Broker;
use amqp_tests::examples::example;
use serde_json::Value;
use tokio::time::timeout;

type Failure = Box<dyn Error + Send + Sync>;
type Outcome = Result<(), Failure>;

/// What the slowest step takes on a busy machine, times ten.
const LIMIT: Duration = Duration::from_secs(60);
const PASSWORD: &str = "wire-tap-s3cret";

/// A folder of this test alone, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("wire-tap-{}-{name}", std::process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    /// What was recorded: of the client, and of the server.
    fn recordings(&self) -> Result<[PathBuf; 2], Failure> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            files.push(entry?.path());
        }
        files.sort();
        let files = <[PathBuf; 2]>::try_from(files).map_err(|files| format!("{files:?}"))?;
        let [client, server] = &files;
        assert_eq!(client.extension().and_then(|name| name.to_str()), Some("client"));
        assert_eq!(server.extension().and_then(|name| name.to_str()), Some("server"));
        for file in &files {
            let octets = fs::read(file)?;
            let secret = octets
                .windows(PASSWORD.len())
                .any(|window| window == PASSWORD.as_bytes());
            assert!(!secret, "{}", file.display());
        }
        Ok(files)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A user who has just this password, and a virtual host of its own.
fn url(name: &str) -> Result<String, Failure> {
    let broker = Broker::shared();
    let name = format!("wire-tap-{name}-{}", std::process::id());
    broker.add_vhost(&name)?;
    broker.add_user(&name, PASSWORD, [".*", ".*", ".*"])?;
    broker.rabbitmqctl(["set_permissions", "-p", &name, &name, ".*", ".*", ".*"])?;
    Ok(format!("amqp://{name}:{PASSWORD}@{}/{name}", broker.address()))
}

/// The lines of `wire dissect`, which must find no error.
fn dissect(file: &PathBuf) -> Result<Vec<Value>, Failure> {
    let output = Command::new(example("wire")).arg("dissect").arg(file).output()?;
    let (out, err) = (
        String::from_utf8(output.stdout)?,
        String::from_utf8(output.stderr)?,
    );
    assert!(output.status.success(), "{out}{err}");
    let lines = out.lines().map(serde_json::from_str);
    Ok(lines.collect::<Result<_, _>>()?)
}

/// What each line is: `class.method`, or the type of its frame.
fn names(lines: &[Value]) -> Vec<String> {
    let text = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
    let name = |line| match text(line, "type") {
        kind if kind == "method" => format!("{}.{}", text(line, "class"), text(line, "method")),
        kind => kind,
    };
    // The broker chooses when it sends a heartbeat.
    lines
        .iter()
        .map(name)
        .filter(|name| name != "heartbeat")
        .collect()
}

#[test]
fn the_example_records_what_wire_dissect_reads() -> Outcome {
    let folder = Folder::new("example")?;
    let output = Command::new(example("wire_tap"))
        .arg(folder.0.join("session"))
        .env("AMQP_URL", url("example")?)
        .output()?;
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let [client, server] = folder.recordings()?;
    assert!(client.ends_with("session-1.client") && server.ends_with("session-1.server"));

    let client = dissect(&client)?;
    assert_eq!(
        names(&client),
        [
            "protocol-header",
            "connection.start_ok",
            "connection.tune_ok",
            "connection.open",
            "channel.open",
            "queue.declare",
            "basic.publish",
            "header",
            "body",
            "basic.get",
            "basic.ack",
            "connection.close",
        ]
    );
    assert_eq!(client[0]["version"], "0-9-1");
    assert_eq!(client[1]["arguments"]["mechanism"], "PLAIN");
    assert_eq!(client[1]["arguments"]["response"], "(hidden)");
    assert_eq!(client[7]["properties"]["content_type"], "text/plain");
    assert_eq!(
        names(&dissect(&server)?),
        [
            "connection.start",
            "connection.tune",
            "connection.open_ok",
            "channel.open_ok",
            "queue.declare_ok",
            "basic.get_ok",
            "header",
            "body",
            "connection.close_ok",
        ]
    );
    Ok(())
}

#[test]
fn the_example_prints_a_line_for_each_frame() -> Outcome {
    let output = Command::new(example("wire_tap"))
        .env("AMQP_URL", url("text")?)
        .output()?;
    let text = String::from_utf8(output.stderr)?;
    assert!(output.status.success(), "{text}");
    assert!(!text.contains(PASSWORD), "{text}");
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.contains(": heartbeat"))
        .collect();
    // As many as are recorded.
    assert_eq!(lines.len(), 12 + 9, "{text}");
    assert!(
        lines[0].starts_with("0.000000 #1 client: protocol header "),
        "{text}"
    );
    for line in [
        "response: \"(hidden)\", locale: \"en_US\" }",
        " #1 client channel 1: header, body of 10 octets { content_type: \"text/plain\" }",
        " #1 server channel 1: body of 10 octets \"one coffee\"",
        " #1 server channel 0: connection.close_ok",
    ] {
        assert!(
            lines.iter().any(|printed| printed.ends_with(line)),
            "{line}: {text}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_recording_has_all_that_the_connection_counts() -> Outcome {
    const MESSAGES: usize = 20;
    let folder = Folder::new("counts")?;
    let recorder = Arc::new(wire::Recorder::to_files(folder.0.join("session")));
    let mut options: ConnectOptions = url("counts")?.parse()?;
    let user = options.config.credentials.user().unwrap_or_default().to_owned();
    options.config.wire_tap = Some(recorder.clone());
    let connection = connect(options).await?;
    let channel = connection.open_channel().await?;
    let publisher = channel.confirm_select().await?;
    let queue = channel.queue_declare("").exclusive().await?.queue.to_string();
    // The last ones are larger than a read buffer and span many frames.
    for number in 0..MESSAGES {
        let body = vec![number as u8; 1 << number];
        publisher.publish("", &queue, body).await?.await?;
    }
    connection.update_secret(PASSWORD, "a test").await?;
    let mut consumer = channel.basic_consume(&queue).await?;
    for _ in 0..MESSAGES {
        let delivery = timeout(LIMIT, consumer.next()).await?.ok_or("ended")??;
        delivery.ack().await?;
    }
    connection.close().await?;
    let stats = connection.stats();
    drop((consumer, publisher, channel, connection));
    assert!(recorder.take_error().is_none());

    let files = folder.recordings()?;
    let [client, server] = [dissect(&files[0])?, dissect(&files[1])?];
    let count = |lines: &[Value], name: &str| names(lines).iter().filter(|seen| *seen == name).count();
    assert_eq!(count(&client, "basic.publish") as u64, stats.messages_published);
    assert_eq!(count(&client, "basic.ack"), MESSAGES);
    assert_eq!(count(&server, "basic.deliver") as u64, stats.messages_delivered);
    assert_eq!(stats.messages_delivered, MESSAGES as u64);
    let body: u64 = server.iter().filter_map(|line| line["size"].as_u64()).sum();
    assert_eq!(body, (1 << MESSAGES) - 1);

    // To the last octet, but for secrets: `(hidden)` has 8.
    let mut redacted = Vec::new();
    for (lines, file, octets) in [
        (&client, &files[0], stats.octets_sent),
        (&server, &files[1], stats.octets_received),
    ] {
        let mut recorded = fs::metadata(file)?.len();
        for line in lines {
            let (secret, len) = match line["method"].as_str() {
                // Of PLAIN: a zero octet before the user, and before the password.
                Some("start_ok") => ("response", 1 + user.len() + 1 + PASSWORD.len()),
                Some("update_secret") => ("new_secret", PASSWORD.len()),
                _ => continue,
            };
            assert_eq!(line["arguments"][secret], "(hidden)");
            redacted.push(secret);
            recorded = recorded - 8 + len as u64;
        }
        assert_eq!(recorded, octets, "{}", file.display());
    }
    assert_eq!(redacted, ["response", "new_secret"]);
    Ok(())
}
