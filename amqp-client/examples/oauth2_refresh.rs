//! Publishes for longer than its token is good for: a provider issues tokens, and `keep_secret_fresh` hands each new one to
//! the server in time. `AMQP_URL` says where, and its password stands for what a token endpoint would answer.

use std::error::Error;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use amqp_client::tokio::{connect, keep_secret_fresh};
use amqp_client::{ConnectOptions, Credentials, IssueError, IssuedSecret, SecretProvider};

/// How long a token is good for. Real ones live for minutes or hours.
const LIFETIME: Duration = Duration::from_secs(2);

struct TokenEndpoint {
    answer: String,
    issued: AtomicU32,
}

impl SecretProvider for TokenEndpoint {
    async fn issue(&self) -> Result<IssuedSecret, IssueError> {
        // Here a program asks its identity provider, with a time limit, and takes `access_token` and `expires_in` of what
        // that answers.
        let number = self.issued.fetch_add(1, Ordering::Relaxed) + 1;
        println!("token {number} issued");
        Ok(IssuedSecret::new(self.answer.as_str(), LIFETIME))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("oauth2_refresh: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let url = std::env::var("AMQP_URL").unwrap_or_else(|_| "amqp://guest:guest@localhost".to_owned());
    let mut options: ConnectOptions = url.parse()?;
    let user = options.config.credentials.user().unwrap_or_default().to_owned();
    let endpoint = TokenEndpoint {
        answer: password(&url).to_owned(),
        issued: AtomicU32::new(0),
    };
    options.config.credentials = Credentials::from_provider(user, endpoint);

    let connection = connect(options).await?;
    let keeping = tokio::spawn(keep_secret_fresh(&connection));

    let channel = connection.open_channel().await?;
    let queue = channel.queue_declare("").exclusive().await?.queue;
    for number in 1..=8 {
        channel
            .basic_publish("", &queue, format!("message {number}"))
            .await?;
        println!("published message {number}");
        tokio::time::sleep(LIFETIME / 4).await;
    }

    connection.close().await?;
    keeping.await??;
    println!("kept fresh until the connection was closed");
    Ok(())
}

/// What stands between the user's colon and `@`; a URI that is parsed shows its password to nobody.
fn password(url: &str) -> &str {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let user_info = authority
        .rsplit_once('@')
        .map_or("guest:guest", |(user_info, _)| user_info);
    user_info.split_once(':').map_or("", |(_, password)| password)
}
