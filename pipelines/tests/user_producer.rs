//! The producer, against an HTTP server of a few lines.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use flow_core::Pipeline;
use flow_core::testing::MemorySinks;
use flow_runner_local::{LocalRunner, Options};
use pipelines::user_registration::generate::{API_ERROR, Settings, answer};
use pipelines::user_registration::producer::{Api, AskError, Pauses, asked, made_up};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

const HASTY: Pauses =
    Pauses { first: Duration::from_millis(1), longest: Duration::from_millis(2), repetitions: 5 };

/// Answers request `n` with answer `n`, and all further ones with the last.
struct Server {
    url: String,
    requests: Arc<AtomicUsize>,
    runtime: Runtime,
}

impl Server {
    fn answering(answers: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let answers: Vec<_> = answers.into_iter().collect();
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}/api?key=s3cret", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&requests);
        runtime.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let n = seen.fetch_add(1, Ordering::SeqCst);
                let _ = stream.write_all(&answers[n.min(answers.len() - 1)]).await;
            }
        });
        Server { url, requests, runtime }
    }

    fn api(&self) -> Api {
        Api::at(&self.url).unwrap().pausing(HASTY)
    }

    fn ask(&self) -> Result<Vec<u8>, AskError> {
        let api = self.api();
        self.runtime.block_on(api.answer())
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

fn http(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut answer =
        format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n", body.len())
            .into_bytes();
    answer.extend_from_slice(body);
    answer
}

fn good() -> Vec<u8> {
    answer(1, 0, &Settings::default())
}

#[test]
fn an_answer_is_handed_on_as_it_came() {
    let server = Server::answering([http("200 OK", "", &good())]);
    assert_eq!(server.ask().unwrap(), good());
    assert_eq!(server.requests(), 1);
}

#[test]
fn what_passes_is_tried_again_and_no_error_is_handed_on() {
    let half = &http("200 OK", "", &good())[..200];
    let server = Server::answering([
        http("503 Service Unavailable", "", b"<html>"),
        http("429 Too Many Requests", "retry-after: 0\r\n", API_ERROR.as_bytes()),
        http("200 OK", "", API_ERROR.as_bytes()),
        half.to_vec(),
        http("200 OK", "", b"<html>"),
        http("200 OK", "", &good()),
    ]);
    assert_eq!(server.ask().unwrap(), good());
    assert_eq!(server.requests(), 6);
}

#[test]
fn after_so_many_attempts_the_last_failure_is_said() {
    let server = Server::answering([http("200 OK", "", API_ERROR.as_bytes())]);
    let error = server.ask().unwrap_err().to_string();
    assert!(error.starts_with("the API failed: Uh oh"), "{error}");
    assert_eq!(server.requests(), 6);
}

#[test]
fn what_lasts_is_not_tried_again_and_no_error_holds_the_url() {
    let server = Server::answering([http("404 Not Found", "", b"")]);
    assert_eq!(server.ask().unwrap_err().to_string(), "the API answers 404 Not Found");
    assert_eq!(server.requests(), 1);

    let large = vec![b' '; 10_000_001];
    let server = Server::answering([http("200 OK", "", &large)]);
    assert!(matches!(server.ask().unwrap_err(), AskError::TooLarge));
    assert_eq!(server.requests(), 1);

    let nobody = Api::at("http://127.0.0.1:1/api?key=s3cret").unwrap();
    let nobody = nobody.pausing(Pauses { repetitions: 0, ..HASTY });
    let error = format!("{:?}", server.runtime.block_on(nobody.answer()).unwrap_err());
    assert!(!error.contains("s3cret"), "{error}");
}

#[test]
fn the_producer_writes_each_answer_and_goes_on_when_there_was_none() {
    let error = http("200 OK", "", API_ERROR.as_bytes());
    let answers = [http("200 OK", "", &good())].into_iter().chain(std::iter::repeat_n(error, 6));
    let server = Server::answering(answers.chain([http("200 OK", "", &good())]));
    let (p, topic) = (Pipeline::new(), MemorySinks::new());
    asked(&p, server.api(), Duration::from_millis(1), Some(3)).write(topic.sink("topic"));
    let report = LocalRunner::new(Options::default().with_workers(1)).run(p).unwrap();
    assert_eq!(topic.values("topic"), [good(), good()]);
    assert_eq!(report.summary.counter("failed_fetches"), 1);
    assert_eq!(server.requests(), 8);
}

#[test]
fn made_up_answers_are_those_of_the_seed() {
    let (p, topic) = (Pipeline::new(), MemorySinks::new());
    let settings = Settings { users: 3, bad_answers_per_mille: 500, ..Settings::default() };
    made_up(&p, (7, settings), Duration::ZERO, Some(4)).write(topic.sink("topic"));
    LocalRunner::new(Options::default().with_workers(2)).run(p).unwrap();
    assert_eq!(topic.values("topic"), [0, 1, 2, 3].map(|i| answer(7, i, &settings)));
}
