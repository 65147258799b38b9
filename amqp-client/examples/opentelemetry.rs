//! A trace from publisher to consumer: the span that a message is published in is the parent of the one that it is handled
//! in. `AMQP_URL` says where; by default `amqp://localhost`.

use std::error::Error;
use std::process::ExitCode;

use amqp_client::{ConnectOptions, OpenTelemetryPropagator, tokio::connect};
use opentelemetry::global;
use opentelemetry::trace::{FutureExt, Span, TraceContextExt, Tracer};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("opentelemetry: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    // Once in a program. An exporter, such as that of `opentelemetry-otlp`, would send the spans somewhere.
    global::set_text_map_propagator(TraceContextPropagator::new());
    global::set_tracer_provider(SdkTracerProvider::builder().build());
    let tracer = global::tracer("orders");

    let url = std::env::var("AMQP_URL").unwrap_or_else(|_| "amqp://localhost".to_owned());
    let mut options: ConnectOptions = url.parse()?;
    options.config = options.config.propagator(OpenTelemetryPropagator::global());
    let connection = connect(options).await?;
    let channel = connection.open_channel().await?;
    let queue = channel.queue_declare("").exclusive().await?.queue;

    // The message carries the context that its future is polled in.
    let order = opentelemetry::Context::current_with_span(tracer.start("order"));
    channel
        .basic_publish("", &queue, "one coffee")
        .into_future()
        .with_context(order.clone())
        .await?;
    println!("published in trace {}", order.span().span_context().trace_id());

    let mut consumer = channel.basic_consume(&queue).await?;
    if let Some(delivery) = consumer.next().await {
        let delivery = delivery?;
        let mut span = delivery.process_span(&tracer);
        println!("handled in trace {}", span.span_context().trace_id());
        span.end();
        delivery.ack().await?;
    }
    connection.close().await?;
    Ok(())
}
