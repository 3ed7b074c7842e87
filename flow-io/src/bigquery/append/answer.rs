use gcp_bigquery_client::google::cloud::bigquery::storage::v1::AppendRowsResponse;
use gcp_bigquery_client::google::cloud::bigquery::storage::v1::append_rows_response::Response;
use tonic::{Code, Status};

use super::Kind;
use crate::bigquery::service::{Failure, one_line};

/// What the answer to an append means.
#[derive(Debug)]
pub(super) enum Answer {
    /// The rows are in the stream, at an offset if it has such.
    Taken(Option<i64>),
    /// None of the rows is in the stream, since some of them are wrong: their places, and why.
    Wrong(Vec<(usize, String)>),
    /// The stream does not stand where we believe, or takes no more: it is not to be written to again.
    Astray(String),
}

/// What is not an answer is a failure of the connection, which says by its fault whether another may do.
pub(super) fn judge(
    answer: Result<Option<AppendRowsResponse>, Status>,
    kind: Kind,
    is_new: bool,
) -> Result<Answer, Failure> {
    let answer = match answer {
        Ok(Some(answer)) => answer,
        Ok(None) => return Err(Failure::lasting("the service ended the stream").passing()),
        Err(status) => return of_status(&status, kind, is_new),
    };
    if !answer.row_errors.is_empty() {
        let wrong = answer.row_errors.iter();
        let wrong = wrong.map(|e| (usize::try_from(e.index).unwrap_or(usize::MAX), one_line(&e.message)));
        return Ok(Answer::Wrong(wrong.collect()));
    }
    match answer.response {
        Some(Response::AppendResult(taken)) => Ok(Answer::Taken(taken.offset)),
        Some(Response::Error(error)) => {
            of_status(&Status::new(Code::from(error.code), error.message), kind, is_new)
        }
        None => Err(Failure::lasting("the service answered nothing").passing()),
    }
}

fn of_status(status: &Status, kind: Kind, is_new: bool) -> Result<Answer, Failure> {
    let failure = Failure::of_status(status);
    match status.code() {
        // Whose rows are there already, and why there is a gap, cannot be told: what we acknowledged to ourselves is
        // never sent again.
        Code::AlreadyExists | Code::OutOfRange | Code::FailedPrecondition | Code::NotFound
            if kind.has_offsets() =>
        {
            Ok(Answer::Astray(failure.to_string()))
        }
        Code::NotFound if is_new => Err(failure.passing()),
        _ => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use gcp_bigquery_client::google::cloud::bigquery::storage::v1::RowError;
    use gcp_bigquery_client::google::cloud::bigquery::storage::v1::append_rows_response::AppendResult;
    use gcp_bigquery_client::google::rpc;

    use super::*;
    use crate::gcp::Fault;

    #[expect(clippy::unnecessary_wraps, reason = "it is what a line answers")]
    fn said(code: Code) -> Result<Option<AppendRowsResponse>, Status> {
        let error = rpc::Status { code: code as i32, message: "no".into(), details: Vec::new() };
        Ok(Some(AppendRowsResponse { response: Some(Response::Error(error)), ..Default::default() }))
    }

    #[test]
    fn an_offset_that_is_not_ours_leads_astray_in_the_stream_and_as_its_end() {
        for code in [Code::AlreadyExists, Code::OutOfRange, Code::FailedPrecondition, Code::NotFound] {
            let within = judge(said(code), Kind::Buffered, false).unwrap();
            let end = judge(Err(Status::new(code, "no")), Kind::Pending, false).unwrap();
            assert!(matches!((within, end), (Answer::Astray(_), Answer::Astray(_))), "{code:?}");
        }
    }

    #[test]
    fn a_new_table_may_be_missing_for_a_while() {
        let fault = |is_new| judge(said(Code::NotFound), Kind::Default, is_new).unwrap_err().fault();
        assert_eq!(fault(true), Fault::Passing(None));
        assert_eq!(fault(false), Fault::Lasting);
        assert_eq!(judge(Ok(None), Kind::Default, false).unwrap_err().fault(), Fault::Passing(None));
    }

    #[test]
    fn wrong_rows_are_told_before_the_error_that_comes_with_them() {
        let Ok(Some(mut answer)) = said(Code::InvalidArgument) else { panic!("an answer") };
        answer.row_errors = vec![RowError { index: 3, code: 1, message: "too\nlong".into() }];
        let Ok(Answer::Wrong(rows)) = judge(Ok(Some(answer)), Kind::Default, false) else {
            panic!("wrong rows")
        };
        assert_eq!(rows, [(3, "too long".to_owned())]);
    }

    #[test]
    fn what_was_taken_says_where() {
        let response = Some(Response::AppendResult(AppendResult { offset: Some(7) }));
        let answer = AppendRowsResponse { response, ..Default::default() };
        let taken = judge(Ok(Some(answer)), Kind::Buffered, false).unwrap();
        assert!(matches!(taken, Answer::Taken(Some(7))));
    }
}
