use std::fmt;
use std::marker::PhantomData;
use std::task::{Context, Poll, ready};
use std::vec;

use flow_core::source::{Next, Reader, ReaderContext};
use flow_core::{Bundle, Element, Error, ErrorKind, Result};
use gcp_bigquery_client::model::table_row::TableRow;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use super::pages::Pages;
use super::{BadRow, RowsSplit};
use crate::bigquery::Schema;
use crate::bigquery::decode::Rows;
use crate::bigquery::service::Service;
use crate::bigquery::writer::Task;
use crate::gcp::{GoogleCloud, Retrying, Traffic};

/// Reads a split of [`ReadRows`](super::ReadRows): a task asks for the next page while this one is worked on.
pub struct RowsReader<T> {
    place: String,
    rows: Rows,
    pages: mpsc::Receiver<Result<Vec<TableRow>>>,
    page: vec::IntoIter<TableRow>,
    /// The number of the next row.
    at: u64,
    /// Behind the last row.
    to: u64,
    _task: Task<()>,
    row: PhantomData<fn() -> T>,
}

impl<T> fmt::Debug for RowsReader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowsReader").field("place", &self.place).field("at", &self.at).finish_non_exhaustive()
    }
}

/// How many pages are asked for ahead.
const AHEAD: usize = 1;

impl<T> RowsReader<T> {
    pub(super) fn open(
        cloud: &GoogleCloud,
        split: &RowsSplit,
        from: u64,
        page: u32,
        cx: &ReaderContext,
    ) -> Result<Self> {
        let schema = Schema::from_json(&split.schema)?;
        let retrying = Retrying::new(cloud.retry(), Traffic::new(&cx.metrics));
        let (hand, pages) = mpsc::channel(AHEAD);
        let fetch = fetch(cloud.clone(), retrying, split.clone(), from, page, hand);
        Ok(RowsReader {
            place: split.place.to_string(),
            rows: Rows::new(&schema),
            pages,
            page: Vec::new().into_iter(),
            at: from,
            to: split.to,
            _task: Task(tokio::spawn(fetch)),
            row: PhantomData,
        })
    }
}

/// Hands over pages until the split's end, or until nobody takes them.
async fn fetch(
    cloud: GoogleCloud,
    retrying: Retrying,
    split: RowsSplit,
    mut at: u64,
    page: u32,
    hand: mpsc::Sender<Result<Vec<TableRow>>>,
) {
    let pages = match Service::of(&cloud).await {
        Ok(service) => Pages { service, retrying },
        Err(error) => return drop(hand.send(Err(error)).await),
    };
    while at < split.to {
        let most = page.min(u32::try_from(split.to - at).unwrap_or(u32::MAX));
        let rows = match pages.page(&split.place, at, most).await {
            Ok(rows) if rows.is_empty() => Err(Error::new(
                ErrorKind::Source,
                format!("{} has lost rows while it was read: it had {} at first", split.place, split.to),
            )),
            other => other,
        };
        let is_last = rows.is_err();
        at += rows.as_ref().map_or(0, |rows| rows.len() as u64);
        if hand.send(rows).await.is_err() || is_last {
            return;
        }
    }
}

impl<T: Element + DeserializeOwned> RowsReader<T> {
    /// The task ends early only if it panics.
    fn broke_off(&self) -> Error {
        let (place, at, to) = (&self.place, self.at, self.to);
        Error::new(ErrorKind::Internal, format!("reading {place} broke off at row {at} of {to}"))
    }

    fn decode(&self, row: &TableRow) -> Result<T, BadRow> {
        self.rows.decode(row).map_err(|reason| {
            let mut cells = serde_json::to_string(row).unwrap_or_default();
            cells.truncate(cells.floor_char_boundary(BadRow::CELLS_LIMIT));
            BadRow { place: self.place.clone(), row: self.at, reason: reason.to_string(), cells }
        })
    }
}

impl<T: Element + DeserializeOwned> Reader for RowsReader<T> {
    type Item = Result<T, BadRow>;
    type Position = u64;

    fn poll_next(&mut self, cx: &mut Context<'_>, out: &mut Bundle<Self::Item>) -> Poll<Result<Next>> {
        if self.page.len() == 0 {
            match ready!(self.pages.poll_recv(cx)) {
                Some(page) => self.page = page?.into_iter(),
                None if self.at >= self.to => return Poll::Ready(Ok(Next::End)),
                None => return Poll::Ready(Err(self.broke_off())),
            }
        }
        while !out.is_full()
            && let Some(row) = self.page.next()
        {
            out.values.push(self.decode(&row));
            self.at += 1;
        }
        Poll::Ready(Ok(Next::More))
    }

    fn position(&self) -> u64 {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use serde_json::Value;

    use super::*;

    /// A reader of three rows whose task has ended.
    fn reader(at: u64) -> RowsReader<Value> {
        RowsReader {
            place: "p.shop.orders".to_owned(),
            rows: Rows::new(&Schema::from_json(r#"[{"name": "id", "type": "INT64"}]"#).unwrap()),
            pages: mpsc::channel(AHEAD).1,
            page: Vec::new().into_iter(),
            at,
            to: 3,
            _task: Task(tokio::spawn(async {})),
            row: PhantomData,
        }
    }

    #[tokio::test]
    async fn a_task_that_ends_before_its_split_is_an_error() {
        let next = |at| match reader(at)
            .poll_next(&mut Context::from_waker(Waker::noop()), &mut Bundle::default())
        {
            Poll::Ready(Ok(Next::End)) => "the end".to_owned(),
            Poll::Ready(Err(error)) => error.to_string(),
            _ => "more".to_owned(),
        };
        assert_eq!(next(3), "the end");
        assert!(next(2).ends_with("reading p.shop.orders broke off at row 2 of 3"), "{}", next(2));
    }
}
