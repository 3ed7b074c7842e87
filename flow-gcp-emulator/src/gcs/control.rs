//! The gRPC API: buckets, and what is known of objects.

use std::future::ready;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use googleapis_tonic_google_storage_v2::google::storage::v2 as wire;
use tonic::{Result, Status};

use super::Gcs;
use super::buckets::Bucket;
use super::condition::Condition;
use super::json::UNMET;
use super::list::Listing;
use super::objects::Problem;
use crate::grpc;

const BUCKETS: &str = "projects/_/buckets/";

pub(crate) fn routes() -> Router<Gcs> {
    let path = |method: &str| format!("/google.storage.v2.Storage/{method}");
    Router::new()
        .route(&path("CreateBucket"), post(create_bucket))
        .route(&path("GetBucket"), post(get_bucket))
        .route(&path("ListBuckets"), post(list_buckets))
        .route(&path("DeleteBucket"), post(delete_bucket))
        .route(&path("ListObjects"), post(list_objects))
        .route(&path("GetObject"), post(get_object))
        .route(&path("DeleteObject"), post(delete_object))
}

async fn create_bucket(State(gcs): State<Gcs>, request: Request) -> Response {
    grpc::unary(request, |r: wire::CreateBucketRequest| ready(gcs.create_bucket(&r))).await
}

async fn get_bucket(State(gcs): State<Gcs>, request: Request) -> Response {
    grpc::unary(request, |r: wire::GetBucketRequest| ready(gcs.get_bucket(&r))).await
}

async fn list_buckets(State(gcs): State<Gcs>, request: Request) -> Response {
    grpc::unary(request, |r: wire::ListBucketsRequest| ready(Ok(gcs.list_buckets(&r)))).await
}

async fn delete_bucket(State(gcs): State<Gcs>, request: Request) -> Response {
    grpc::unary(request, |r: wire::DeleteBucketRequest| ready(gcs.delete_bucket(&r))).await
}

async fn list_objects(State(gcs): State<Gcs>, request: Request) -> Response {
    grpc::unary(request, |r: wire::ListObjectsRequest| ready(gcs.list_objects(r))).await
}

async fn get_object(State(gcs): State<Gcs>, request: Request) -> Response {
    grpc::unary(request, |r: wire::GetObjectRequest| ready(gcs.get_object(&r))).await
}

async fn delete_object(State(gcs): State<Gcs>, request: Request) -> Response {
    grpc::unary(request, |r: wire::DeleteObjectRequest| ready(gcs.delete_object(&r))).await
}

impl Gcs {
    fn create_bucket(&self, r: &wire::CreateBucketRequest) -> Result<wire::Bucket> {
        let project = r.bucket.as_ref().map(|bucket| bucket.project.as_str()).unwrap_or_default();
        Ok(message(&r.bucket_id, &self.objects.insert_bucket(&r.bucket_id, project)?))
    }

    fn get_bucket(&self, r: &wire::GetBucketRequest) -> Result<wire::Bucket> {
        let name = short(&r.name)?;
        Ok(message(name, self.objects.state().bucket(name)?))
    }

    fn list_buckets(&self, r: &wire::ListBucketsRequest) -> wire::ListBucketsResponse {
        let first = r.page_token.parse().unwrap_or(0);
        let size = usize::try_from(r.page_size).ok().filter(|size| *size > 0).unwrap_or(1_000);
        let prefix = r.prefix.strip_prefix(BUCKETS).unwrap_or(&r.prefix);
        let state = self.objects.state();
        let mut all = state.buckets.iter().filter(|(name, _)| name.starts_with(prefix)).skip(first);
        let buckets = all.by_ref().take(size).map(|(name, bucket)| message(name, bucket)).collect();
        let next_page_token = all.next().map(|_| (first + size).to_string()).unwrap_or_default();
        wire::ListBucketsResponse { buckets, next_page_token, unreachable: Vec::new() }
    }

    fn delete_bucket(&self, r: &wire::DeleteBucketRequest) -> Result<()> {
        Ok(self.objects.remove_bucket(short(&r.name)?)?)
    }

    fn list_objects(&self, r: wire::ListObjectsRequest) -> Result<wire::ListObjectsResponse> {
        let bucket = short(&r.parent)?;
        let listing = Listing {
            prefix: r.prefix,
            delimiter: r.delimiter,
            start: r.lexicographic_start,
            end: r.lexicographic_end,
            page_size: usize::try_from(r.page_size).unwrap_or(0),
            page_token: r.page_token,
        };
        let page = self.objects.page(bucket, &listing)?;
        Ok(wire::ListObjectsResponse {
            objects: page.objects.iter().map(|object| object.message(bucket)).collect(),
            prefixes: page.prefixes.into_iter().collect(),
            next_page_token: page.next,
        })
    }

    fn get_object(&self, r: &wire::GetObjectRequest) -> Result<wire::Object> {
        let bucket = short(&r.bucket)?;
        let condition = Condition {
            generation: r.if_generation_match,
            not_generation: r.if_generation_not_match,
            metageneration: r.if_metageneration_match,
            not_metageneration: r.if_metageneration_not_match,
        };
        let object = self.objects.find(bucket, &r.object, version(r.generation), condition)?;
        Ok(object.message(bucket))
    }

    fn delete_object(&self, r: &wire::DeleteObjectRequest) -> Result<()> {
        let condition = Condition {
            generation: r.if_generation_match,
            not_generation: r.if_generation_not_match,
            metageneration: r.if_metageneration_match,
            not_metageneration: r.if_metageneration_not_match,
        };
        Ok(self.objects.remove(short(&r.bucket)?, &r.object, version(r.generation), condition)?)
    }
}

impl From<Problem> for Status {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::Refused(refused) => refused.into(),
            Problem::Unmet(_) => Status::failed_precondition(UNMET),
        }
    }
}

fn message(name: &str, bucket: &Bucket) -> wire::Bucket {
    let time = Some(crate::pubsub::timestamp(bucket.created));
    wire::Bucket {
        name: format!("{BUCKETS}{name}"),
        bucket_id: name.to_owned(),
        project: bucket.project.clone(),
        metageneration: 1,
        location: "US".to_owned(),
        storage_class: "STANDARD".to_owned(),
        create_time: time,
        update_time: time,
        ..wire::Bucket::default()
    }
}

fn short(name: &str) -> Result<&str> {
    let short = name.strip_prefix(BUCKETS);
    short.ok_or_else(|| Status::invalid_argument(format!("a bucket is called {BUCKETS}NAME, not {name}")))
}

/// 0 is whatever is there.
fn version(generation: i64) -> Option<i64> {
    (generation != 0).then_some(generation)
}
