//! Faults of Pub/Sub, while messages are received and acknowledged.

use flow_gcp_emulator::{Code, Fault, When};

use super::cell::{Cell, Method, cell};
use super::{PERCENT_1, PERCENT_10, PERCENT_50, all, slow};

/// A stream of messages, and a response on it.
const STREAM: &str = "pubsub.StreamingPull";
const RESPONSE: &str = "pubsub.StreamingPull.response";
const ACKNOWLEDGE: &str = "pubsub.Acknowledge";
const EXTEND: &str = "pubsub.ModifyAckDeadline";

#[test]
fn messages_are_received_whatever_meets_their_stream() {
    let cells = [
        cell("pubsub.admin.getSubscription", When::First(3), Fault::status(503)),
        cell("pubsub.admin.getSubscription", When::First(3), Fault::Html),
        cell(STREAM, When::First(2), Fault::Grpc(Code::Unavailable)),
        cell(STREAM, When::First(2), Fault::Grpc(Code::Aborted)),
        cell(STREAM, When::First(1), Fault::Grpc(Code::ResourceExhausted)),
        cell(STREAM, When::First(1), Fault::Grpc(Code::Internal)),
        cell(EXTEND, When::Always, Fault::Grpc(Code::Unavailable)).holds(),
        cell(EXTEND, When::First(1), Fault::LostAnswer).holds(),
    ];
    all(cells, Cell::check);
}

#[test]
fn messages_that_come_again_are_written_once() {
    let cells = [
        cell(RESPONSE, PERCENT_1, Fault::Grpc(Code::Unavailable)),
        cell(RESPONSE, PERCENT_10, Fault::Grpc(Code::Internal)),
        cell(RESPONSE, PERCENT_50, Fault::Grpc(Code::Unavailable)),
        cell(RESPONSE, PERCENT_1, Fault::EndStream),
        cell(RESPONSE, PERCENT_50, Fault::EndStream),
        cell(RESPONSE, PERCENT_10, Fault::ExpireLeases),
        cell(RESPONSE, PERCENT_50, Fault::ExpireLeases),
        cell(RESPONSE, PERCENT_10, Fault::Duplicate),
        cell(RESPONSE, When::Always, Fault::Duplicate),
        cell(RESPONSE, When::Always, Fault::Reverse),
    ];
    all(cells, |cell| cell.into(Method::Default).redelivers().check());
}

#[test]
fn messages_are_acknowledged_whatever_meets_that() {
    let told = [
        cell(ACKNOWLEDGE, PERCENT_1, Fault::Grpc(Code::Unavailable)),
        cell(ACKNOWLEDGE, PERCENT_10, Fault::Grpc(Code::Internal)),
        cell(ACKNOWLEDGE, PERCENT_50, Fault::Grpc(Code::Unavailable)),
        cell(ACKNOWLEDGE, PERCENT_50, Fault::LostAnswer),
    ];
    let confirmed = [
        cell(ACKNOWLEDGE, When::First(1), slow()),
        cell(ACKNOWLEDGE, When::First(1), Fault::Grpc(Code::Unavailable)),
        cell(ACKNOWLEDGE, When::First(1), Fault::LostAnswer),
    ];
    let slow = [cell(ACKNOWLEDGE, PERCENT_50, slow())];
    all(told, |cell| cell.redelivers().check());
    all(confirmed, |cell| cell.exactly_once_delivery().check());
    all(slow, Cell::check);
}
